using System.CommandLine;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Loop;
using Serving.Trainer.Terminal;
using Serving.Training;

namespace Serving.Trainer.Tests.Loop;

public sealed class RunCommandTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    /// <summary>Six prompts and random weights tell little: which bound they break depends on how a machine rounds.</summary>
    private static readonly string[] _noBounds =
    [
        "Trainer:Stop:KlBudget=0", "Trainer:Stop:JudgeMargin=1", "Trainer:Stop:DivergenceEvaluations=0", "Trainer:Stop:ShortestAnswers=0",
        "Trainer:Stop:LongestAnswers=1000", "Trainer:Stop:Repetition=1", "Trainer:Stop:Distinct=0", "Trainer:Stop:Entropy=0",
    ];

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

    [Fact]
    public void A_run_that_was_killed_behind_its_publication_is_not_published_again()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--recipe", "bond", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--steps", "2", "--limit", "0",
            "--run", _folder.File("run"), "--publish-as", "once", "--resume", "--set", "Trainer:MaxTokens=5", "Trainer:Threads=1", "Trainer:RoundSteps=2",
        ];

        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());
        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());

        Assert.Single(traffic.Store.Versions("once"));
        Directory.Delete(_folder.File("run"), recursive: true);
        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());
        Assert.Equal(2, traffic.Store.Versions("once").Count);
    }

    [Fact]
    public void A_checkpoint_of_other_settings_has_an_exit_code_of_its_own()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--recipe", "bond", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--steps", "2", "--limit", "0",
            "--run", _folder.File("run"), "--resume", "--set", "Trainer:MaxTokens=5", "Trainer:Threads=1", "Trainer:RoundSteps=2",
        ];

        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());

        Assert.Equal(TrainerProgram.CannotResume, RunCommand.Create().Parse([.. arguments, "Trainer:ClipNorm=2"]).Invoke());
    }

    [Fact]
    public void Keys_by_which_a_server_watches_over_its_trainer_may_stand_in_the_same_section_and_none_has_two_meanings()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--recipe", "bond", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--steps", "2", "--limit", "0",
            "--run", _folder.File("run"), "--set", "Trainer:MaxTokens=5", "Trainer:Threads=1", "Trainer:Mode=Supervised", "Trainer:MinNewEpisodes=7",
        ];

        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());
        Assert.Empty(TrainingOptions.Keys.Intersect(typeof(TrainerOptions).GetProperties().Select(property => property.Name)));
    }

    [Fact]
    public async Task Two_processes_never_work_in_one_folder()
    {
        var token = TestContext.Current.CancellationToken;
        using var first = RunFolder.Take(_folder.File("run"), resume: false, TimeSpan.Zero, TimeProvider.System, token);

        var error = Assert.Throws<InvalidOperationException>(() => RunFolder.Take(_folder.File("run"), resume: true, TimeSpan.Zero, TimeProvider.System, token));
        var waiting = Task.Run(() => RunFolder.Take(_folder.File("run"), resume: true, TimeSpan.FromMinutes(1), TimeProvider.System, token), token);
        first.Dispose();
        using var second = await waiting;

        Assert.Contains("another trainer works in this folder", error.Message, StringComparison.Ordinal);
        Assert.Equal(first.Identity, second.Identity);
    }

    [Fact]
    public void It_evaluates_on_a_file_with_a_judge_of_its_own_and_publishes_the_figures()
    {
        TinyScorer.PublishBoth(traffic.Store);
        TinyScorer.Publish(traffic.Store, "judge", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 9);
        File.WriteAllLines(
            _folder.File("prompts.jsonl"),
            Enumerable.Range(0, 9).Select(i => "{\"id\": \"p" + i + "\", \"document\": \"package " + i + " reads archives\", \"summary\": \"archive reader\"}"));
        string[] arguments =
        [
            "--recipe", "bond", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--teacher", "anchor", "--steps", "4",
            "--run", _folder.File("run"), "--publish-as", "judged", "--evaluation", _folder.File("prompts.jsonl"), "--limit", "6",
            "--set", "Trainer:MaxTokens=5", "Trainer:Threads=1", "Trainer:RoundSteps=2", "Trainer:EvaluateEvery=2", "Trainer:EvaluationCandidates=4",
            .. _noBounds,
        ];

        Assert.Equal(0, RunCommand.Create().Parse(arguments).Invoke());

        var version = traffic.Store.Find("judged");
        Assert.StartsWith("judge@", (string)version.Manifest.Training!["judge"]!, StringComparison.Ordinal);
        var after = version.Manifest.Figures!["after"]!;
        Assert.Equal(6, (int)after["prompts"]!);
        string[] names = ["total", "consensus", "entailment", "reward", "style", "judge", "kl", "entropy", "tokens", "repetition", "coverage", "density", "rouge-1", "rouge-2", "rouge-l"];
        Assert.All(names, name => Assert.True(double.IsFinite((double)after[name]!) && double.IsFinite((double)after[name + "_standard_error"]!), name));
        Assert.InRange((double)after["effective_n"]!["value"]!, 1, 4);
        var lines = File.ReadLines(_folder.File("run/log.jsonl")).Select(line => JsonNode.Parse(line)!).Where(line => line["evaluation/total"] is not null).ToArray();
        Assert.Equal([0, 2, 4], lines.Select(line => (int)line["step"]!));
        Assert.Equal(0, (double)lines[0]["evaluation/kl"]!, 1e-6);
        Assert.True((double)lines[2]["evaluation/kl"]! > 0);
    }

    [Fact]
    public void A_run_that_breaks_a_bound_at_once_has_an_exit_code_of_its_own_and_publishes_nothing()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--recipe", "bond", "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--steps", "6", "--limit", "5",
            "--run", _folder.File("run"), "--publish-as", "nothing",
            "--set", "Trainer:MaxTokens=5", "Trainer:Threads=1", "Trainer:RoundSteps=2", "Trainer:EvaluateEvery=2", "Trainer:Stop:KlBudget=1e-9",
        ];

        Assert.Equal(TrainerProgram.StoppedByBound, RunCommand.Create().Parse(arguments).Invoke());

        Assert.DoesNotContain("nothing", traffic.Store.Names());
        var last = JsonNode.Parse(File.ReadLines(_folder.File("run/log.jsonl")).Last())!;
        Assert.Equal((2, 1e-9), ((int)last["step"]!, (double)last["stop/kl_bound"]!));
    }

    [Fact]
    public void A_judge_that_is_trained_on_is_refused()
    {
        TinyScorer.PublishBoth(traffic.Store);
        string[] arguments =
        [
            "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student", "--run", _folder.File("run"), "--set", "Trainer:Judge=entailment",
        ];

        var error = Assert.ThrowsAny<Exception>(() =>
            RunCommand.Create().Parse(arguments).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));

        Assert.True(UserError.Is(error), error.ToString());
        Assert.Contains("scorecard's entailment", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bond", "student", "--set Trainer:Stepz=3", "Stepz")]
    [InlineData("ppo", "student", "none", "Trainer:Recipe")]
    [InlineData("bond", "nobody", "none", "nobody")]
    [InlineData("gkd", "student", "--set Trainer:Gkd:Beta=7", "Beta")]
    [InlineData("gkd", "student", "--set Beta", "KEY=VALUE")]
    [InlineData("bond", "student", "--set Trainer:MicroBatches=3", "must divide Trainer:GroupsPerStep")]
#if !CUDA
    [InlineData("bond", "student", "--device cuda", "--device cpu")]
#endif
    public void What_the_user_can_put_right_is_an_error_that_says_so(string recipe, string start, string more, string expected)
    {
        string[] arguments = ["--recipe", recipe, "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", start, "--run", _folder.File("run")];
        var command = RunCommand.Create().Parse(more == "none" ? arguments : [.. arguments, .. more.Split(' ')]);

        var error = Assert.ThrowsAny<Exception>(() => command.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));

        Assert.True(UserError.Is(error), error.ToString());
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }
}
