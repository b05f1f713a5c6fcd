using Microsoft.Extensions.DependencyInjection;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

/// <summary>The verbs over a real folder, in this process.</summary>
[Collection("console")]
public sealed class ModelsCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;

    public ModelsCommandTests()
    {
        _store = new ModelStore(_folder.Path, TimeProvider.System);
        foreach (var content in (string[])["one", "two", "three"])
        {
            _store.Publish("student", ModelKind.Policy, staging => File.WriteAllText(Path.Combine(staging, "w"), content));
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_decided_shows_in_the_tables()
    {
        Assert.Contains("student@3", Run("list").Out, StringComparison.Ordinal);

        Assert.Equal(0, Run("pin", "student@2", "--reason", "calmer").Code);

        Assert.Contains("student@2 pinned", Run("list").Out, StringComparison.Ordinal);
        var (code, shown, _) = Run("show", "student");
        Assert.Equal(0, code);
        Assert.Contains("current, pinned", shown, StringComparison.Ordinal);
        Assert.Contains("calmer", shown, StringComparison.Ordinal);
        Assert.Contains("student means student@3; before, student@2.", Run("unpin", "student").Out, StringComparison.Ordinal);
        Assert.Contains("student means student@2; before, student@3.", Run("roll-back", "student").Out, StringComparison.Ordinal);
        Assert.Contains("as before.", Run("retire", "student@1").Out, StringComparison.Ordinal);
        File.WriteAllText(_folder.File("student/decisions/9.json"), "{");
        Assert.Contains("9.json", Run("show", "student").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gated_name_is_promoted_and_rolled_back()
    {
        Assert.Contains("student means student@3; before, student@1.", Run(gated: true, "promote", "student@3").Out, StringComparison.Ordinal);
        Assert.Contains("promoted already", Run(gated: true, "promote", "student@3").Error, StringComparison.Ordinal);

        Assert.Contains("student means student@1; before, student@3.", Run(gated: true, "roll-back", "student").Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("holds no committed version of \"nobody\"; it holds student", "show", "nobody")]
    [InlineData("holds no committed version of \"nobody\"; it holds student", "pin", "nobody@1")]
    [InlineData("There is no version \"student@7\"", "pin", "student@7")]
    [InlineData("Name the version of \"student\" that is meant, as in student@3.", "pin", "student")]
    [InlineData("\"student\" is not pinned", "unpin", "student")]
    [InlineData("\"student\" has no gate", "promote", "student@1")]
    [InlineData("student@3 is in use: roll it back", "retire", "student@3")]
    [InlineData("after the @ comes a version number", "pin", "student@x")]
    public void Nonsense_is_refused_with_what_to_do(string message, params string[] arguments)
    {
        var (code, _, error) = Run(arguments);

        Assert.Equal(1, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("student/decisions")) && Directory.EnumerateFiles(_folder.File("student/decisions")).Any());
    }

    private (int Code, string Out, string Error) Run(params string[] arguments) => Run(gated: false, arguments);

    private (int Code, string Out, string Error) Run(bool gated, params string[] arguments)
    {
        var (before, errorsBefore) = (Console.Out, Console.Error);
        using var output = new StringWriter();
        using var errors = new StringWriter();
        try
        {
            Console.SetOut(output);
            Console.SetError(errors);
            var command = ModelsCommand.Create(builder => builder.Services.PostConfigure<ModelOptions>(options => options.Gated = gated));
            var code = command.Parse([.. arguments, "--models", _folder.Path]).Invoke();
            return (code, output.ToString(), errors.ToString());
        }
        finally
        {
            Console.SetOut(before);
            Console.SetError(errorsBefore);
        }
    }
}
