using System.CommandLine;
using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Loop;
using Serving.Trainer.Terminal;

namespace Serving.Trainer.Tests.Loop;

public sealed class RunCommandTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_trains_with_the_registrys_scorers_and_publishes_a_version_that_says_how()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--recipe", "jbond+gkd", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--teacher", "anchor", "--steps", "4",
            "--run", _folder.File("run"), "--seed", "3", "--publish-as", "distilled",
            "--set", "Trainer:MaxTokens=7", "Trainer:MaxTokens=5", "Trainer:HeldOut=0.3", "Trainer:Threads=1", "Trainer:BFloat16=false", "Trainer:RoundSteps=2",
        ];

        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());

        var version = traffic.Store.Find("distilled");
        ModelStore.Verify(version);
        Assert.Equal("student@1", version.Manifest.Parent);
        Assert.Equal("jbond+gkd", (string)version.Manifest.Training!["recipe"]!);
        Assert.Equal(4, (int)version.Manifest.Training!["steps"]!);
        Assert.Equal(5, (int)version.Manifest.Training!["options"]!["MaxTokens"]!);
        Assert.True(double.IsFinite((double)version.Manifest.Figures!["gain"]!));
        Assert.Contains(File.ReadLines(_folder.File("run/log.jsonl")), line => line.Contains("evaluation/entailment", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ppo", "student", "none", "Trainer:Recipe")]
    [InlineData("bond", "nobody", "none", "nobody")]
    [InlineData("gkd", "student", "--set Trainer:Gkd:Beta=7", "Beta")]
    [InlineData("gkd", "student", "--set Beta", "KEY=VALUE")]
    [InlineData("bond", "student", "--set Trainer:MicroBatches=3", "must divide Trainer:GroupsPerStep")]
    public void What_the_user_can_put_right_is_an_error_that_says_so(string recipe, string start, string more, string expected)
    {
        string[] arguments = ["--recipe", recipe, "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", start, "--run", _folder.File("run")];
        var command = RunCommand.Create().Parse(more == "none" ? arguments : [.. arguments, .. more.Split(' ')]);

        var error = Assert.ThrowsAny<Exception>(() => command.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));

        Assert.True(UserError.Is(error), error.ToString());
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
