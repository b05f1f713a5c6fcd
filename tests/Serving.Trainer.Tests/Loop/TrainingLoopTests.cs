using Serving.Inference;
using Serving.Models;
using Serving.Scoring;
using Serving.Testing;
using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using TorchSharp;

namespace Serving.Trainer.Tests.Loop;

public sealed class TrainingLoopTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("bond", true)]
    [InlineData("bond+gkd", true)]
    [InlineData("jbond", false)]
    [InlineData("reinforce", false)]
    public void A_run_raises_the_expected_reward_of_one_sample(string recipe, bool fromAnchor)
    {
        var options = Options(recipe, steps: fromAnchor ? 50 : 80);
        options.HeldOut = .5;
        options.EvaluationPrompts = 100;

        using var result = Run(options, fromAnchor ? traffic.Anchor : traffic.Student);

        var (gain, error) = result.After!.GainOver(result.Before!);
        Assert.True(gain > 3 * error && gain > .5, $"{result.Before?.Total} -> {result.After?.Total}, gain {gain} +- {error}");
        Assert.Equal(options.Steps, result.Steps);
        Assert.Equal(150, result.Episodes);
    }

    [Fact]
    public void Distillation_brings_the_student_nearer_to_its_teacher()
    {
        var options = Options("gkd", steps: 60);
        options.Gkd.Lambda = .5;

        using var result = Run(options, traffic.Student);

        var log = File.ReadLines(Path.Combine(_folder.Path, "run", "log.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement).ToArray();
        var divergence = log.Where(line => line.TryGetProperty("gkd", out _)).Select(line => line.GetProperty("gkd").GetDouble()).ToArray();
        Assert.True(divergence[^1] < .6 * divergence[0], string.Join(", ", divergence));
    }

    /// <summary>Every recipe goes through the loop and is logged under its name.</summary>
    [Theory]
    [InlineData("full-bond", "full_bond")]
    [InlineData("bonbon", "bonbon_margin")]
    [InlineData("seqkd", "seqkd")]
    [InlineData("gkd-reward", "gkd")]
    public void The_other_recipes_learn_from_what_they_need(string recipe, string figure)
    {
        var options = Options(recipe, steps: 4);
        options.FullBond.AnchorEvery = 2;

        using var result = Run(options, traffic.Student);

        var log = File.ReadLines(Path.Combine(_folder.Path, "run", "log.jsonl")).ToArray();
        Assert.Contains(log, line => line.Contains($"\"{figure}\"", StringComparison.Ordinal));
        Assert.NotEqual(Weights(PolicyWeights.Load(traffic.Student.Path), "before"), Weights(result.Policy, "after"));
    }

    [Theory]
    [InlineData("bond+gkd")]
    [InlineData("jbond+gkd")]
    public void Two_runs_with_one_seed_give_the_same_weights_and_another_seed_does_not(string recipe)
    {
        var first = Weights(Run(Options(recipe, steps: 6), traffic.Student, "first"));
        var second = Weights(Run(Options(recipe, steps: 6), traffic.Student, "second"));
        var other = Weights(Run(Options(recipe, steps: 6), traffic.Student, "other", seed: 8));

        Assert.Equal(first, second);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public void Micro_batches_give_the_loss_and_the_gradient_of_the_whole_step()
    {
        var options = Options("bond+gkd", steps: 1);
        Run(options, traffic.Student, "whole").Policy.Dispose();
        options.MicroBatches = 3;
        Run(options, traffic.Student, "parts").Policy.Dispose();

        var (whole, parts) = (First("whole"), First("parts"));
        foreach (var name in (string[])["loss", "gradient_norm"])
        {
            Assert.Equal(whole.GetProperty(name).GetDouble(), parts.GetProperty(name).GetDouble(), 1e-4 * whole.GetProperty(name).GetDouble());
        }

        System.Text.Json.JsonElement First(string run) =>
            File.ReadLines(Path.Combine(_folder.Path, run, "log.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement)
                .First(line => line.TryGetProperty("loss", out _));
    }

    [Fact]
    public void A_run_that_was_stopped_and_resumed_gives_the_weights_of_one_that_was_not()
    {
        var options = Options("bond+gkd", steps: 9);
        var whole = Weights(Run(options, traffic.Student, "whole"));

        using var stop = new CancellationTokenSource();
        stop.Cancel();
        for (var i = 0; i < 2; i++)
        {
            Assert.Throws<OperationCanceledException>(() => Run(options, traffic.Student, "stopped", resume: true, cancellationToken: stop.Token));
        }

        Assert.Equal(whole, Weights(Run(options, traffic.Student, "stopped", resume: true)));
    }

    /// <summary>The scorer dies in the middle of a round, far from any checkpoint.</summary>
    [Fact]
    public void A_run_that_crashed_and_was_resumed_gives_the_weights_of_one_that_did_not()
    {
        var options = Options("jbond+gkd", steps: 12);
        options.CheckpointEvery = 3;
        var whole = Weights(Run(options, traffic.Student, "whole"));

        var calls = 0;
        Task<Score> Dying(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken) =>
            Interlocked.Increment(ref calls) > 80 ? throw new ScorerException("letters", new IOException("gone")) : Traffic.Letters(source, answer, others, cancellationToken);
        Assert.Throws<ScorerException>(() => Run(options, traffic.Student, "crashed", score: Dying));
        Assert.True(Directory.Exists(Path.Combine(_folder.Path, "crashed", "checkpoint")));

        Assert.Equal(whole, Weights(Run(options, traffic.Student, "crashed", resume: true)));
    }

    [Theory]
    [InlineData("bond+gkd")]
    [InlineData("jbond+gkd")]
    public void Adapters_are_trained_resumed_and_come_out_merged(string recipe)
    {
        var options = Options(recipe, steps: 9);
        options.CheckpointEvery = 3;
        options.LoraRank = 3;
        options.GradientCheckpointing = recipe == "bond+gkd";
        var whole = Weights(Run(options, traffic.Student, "whole"));

        if (recipe == "bond+gkd")
        {
            using var stop = new CancellationTokenSource();
            stop.Cancel();
            Assert.Throws<OperationCanceledException>(() => Run(options, traffic.Student, "stopped", cancellationToken: stop.Token));
        }
        else
        {
            var calls = 0;
            Task<Score> Dying(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken) =>
                Interlocked.Increment(ref calls) > 80 ? throw new ScorerException("letters", new IOException("gone")) : Traffic.Letters(source, answer, others, cancellationToken);
            Assert.Throws<ScorerException>(() => Run(options, traffic.Student, "stopped", score: Dying));
        }

        using var resumed = Run(options, traffic.Student, "stopped", resume: true);

        Assert.False(resumed.Policy.Adapted);
        Assert.Equal(whole, Weights(resumed.Policy, "resumed"));
        using var start = PolicyWeights.Load(traffic.Student.Path);
        Assert.Equal(start.Embedding.ToFloats(), resumed.Policy.Embedding.ToFloats());
        Assert.NotEqual(start.Layers[0].Down.ToFloats(), resumed.Policy.Layers[0].Down.ToFloats());
    }

    [Fact]
    public void A_checkpoint_of_other_settings_is_refused()
    {
        Run(Options("bond", steps: 3), traffic.Student).Dispose();
        var changed = Options("bond", steps: 3);
        changed.LearningRate = .1;

        var error = Assert.Throws<InvalidOperationException>(() => Run(changed, traffic.Student, resume: true));

        Assert.Contains("other options", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_leaves_no_tensor_behind_but_its_policy()
    {
        Run(Options("jbond+gkd", steps: 3), traffic.Student, "warm").Dispose();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        Run(Options("jbond+gkd", steps: 6), traffic.Student, "counted").Dispose();

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_recipe_without_its_teacher_or_a_log_without_groups_is_said_so()
    {
        Assert.Contains("--teacher", Assert.Throws<InvalidOperationException>(() =>
            Run(Options("gkd", steps: 1), traffic.Student, withTeacher: false)).Message, StringComparison.Ordinal);
        Assert.Contains("no group", Assert.Throws<InvalidOperationException>(() =>
            Run(Options("bond", steps: 1), traffic.Student, episodes: _folder.File("none"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_published_is_what_was_trained()
    {
        using var result = Run(Options("bond", steps: 3), traffic.Student);
        var store = new ModelStore(_folder.File("published"), TimeProvider.System);

        var version = PolicyPublisher.Publish(store, "student", result.Policy, traffic.Student, [], []);

        ModelStore.Verify(version);
        Assert.Equal(traffic.Student.Id, version.Manifest.Parent);
        using var policy = LoadedPolicy.Load(version, Traffic.Onnx, Traffic.Inference);
        using var back = PolicyWeights.Load(version.Path);
        Assert.Equal(Weights(back, "back"), Weights(result.Policy, "trained"));
    }

    private static TrainerOptions Options(string recipe, int steps) => new()
    {
        Recipe = recipe,
        Steps = steps,
        GroupsPerStep = 6,
        LearningRate = 5e-3,
        WarmUpSteps = 2,
        RoundSteps = 3,
        MaxTokens = Traffic.MaxTokens,
        EvaluationPrompts = 0,
        LogEvery = 5,
        Threads = 1,
        BFloat16 = false,
        Gkd = { Weight = 1 },
    };

    private TrainingResult Run(
        TrainerOptions options,
        ModelFolder start,
        string folder = "run",
        ulong seed = 7,
        bool resume = false,
        bool withTeacher = true,
        string? episodes = null,
        AnswerScorer? score = null,
        CancellationToken cancellationToken = default)
    {
        var run = new TrainingRun
        {
            Start = start,
            Teacher = withTeacher ? traffic.Anchor : null,
            Episodes = episodes ?? traffic.Episodes,
            Folder = _folder.File(folder),
            Seed = seed,
            Resume = resume,
        };
        return new TrainingLoop(options, run, score ?? Traffic.Letters, Traffic.Onnx, Traffic.Inference, TimeProvider.System).Run(cancellationToken);
    }

    private byte[] Weights(TrainingResult result)
    {
        using (result)
        {
            return Weights(result.Policy, "weights");
        }
    }

    private byte[] Weights(PolicyModule policy, string name)
    {
        PolicyWeights.WriteTensors(policy, _folder.File(name));
        return File.ReadAllBytes(_folder.File(name));
    }
}
