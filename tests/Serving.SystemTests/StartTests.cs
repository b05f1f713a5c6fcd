using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests;

/// <summary>The program's command line, and starts that fail.</summary>
public sealed class StartTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sevre", "\"sevre\" is neither a verb nor a setting")]
    [InlineData("--Generation:Candidates", "\"--Generation:Candidates\" is neither a verb nor a setting")]
    [InlineData("--Generation:Candidates=65", "The field GenerationOptions.Candidates must be between 1 and 64.")]
    [InlineData("--Onnx:Threads=many", "'many' at 'Onnx:Threads'")]
    [InlineData("--Models:Root=nowhere", "Models:Root")]
    public async Task A_start_that_cannot_work_ends_with_one_clear_line(string argument, string expected)
    {
        using var folder = new TemporaryFolder();
        await using var server = ServerProcess.Launch("--urls=http://127.0.0.1:0", $"--Episodes:Root={folder.File("episodes")}", argument);

        await server.WaitForExitAsync(Token);

        Assert.Equal(1, server.ExitCode);
        Assert.Contains(expected, server.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", server.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("models", "list", "--models=models", "--Experiments:Root=elsewhere")]
    [InlineData("ab", "replay", "--pairs=here")]
    public async Task A_word_that_a_verb_does_not_know_is_refused_by_name(params string[] arguments)
    {
        await using var server = ServerProcess.Launch(arguments);

        await server.WaitForExitAsync(Token);

        Assert.Equal(2, server.ExitCode);
        Assert.Contains($"\"{arguments[^1]}\" is no option of \"{arguments[1]}\"", server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_lists_the_verbs()
    {
        await using var server = ServerProcess.Launch("--help");

        await server.WaitForExitAsync(Token);

        Assert.Equal(0, server.ExitCode);
        Assert.Contains("serve", server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_said_in_one_line()
    {
        using var folder = new TemporaryFolder();
        ServingApp.PublishDefaults(new ModelStore(folder.File("models"), TimeProvider.System));
        await using var first = await ServerProcess.StartAsync(folder.File("models"), folder.File("episodes"), Token);
        using var client = first.CreateClient();

        await using var second = ServerProcess.Launch(
            "serve", "--Trainer:Mode=Off", $"--urls={client.BaseAddress}", $"--Models:Root={folder.File("models")}", $"--Episodes:Root={folder.File("other")}");
        await second.WaitForExitAsync(Token);

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("address already in use", second.Output, StringComparison.Ordinal);
    }
}
