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

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void A_bound_ends_the_run_and_the_best_weights_before_it_come_out_after_a_resume_too(int rank)
    {
        var options = Options("bond", steps: 30);
        (options.HeldOut, options.EvaluationPrompts, options.EvaluateEvery, options.EvaluationCandidates, options.LoraRank, options.Stop) = (.3, 40, 3, 4, rank, NoBounds());
        options.LearningRate = rank == 0 ? 1e-3 : 5e-3;
        using var free = Run(options, traffic.Anchor, "free");
        Assert.Null(free.Figures.Stop);

        // Below the first evaluation that lies further from the start than all before it, which were not the first: some pass, then one does not.
        var gone = Logged("free", "evaluation/kl");
        var first = Enumerable.Range(2, gone.Length - 2).First(i => gone[i] > gone[..i].Max());
        options.Stop.KlBudget = (gone[..first].Max() + gone[first]) / 2;
        using var result = Run(options, traffic.Anchor, "bound");

        Assert.Equal("kl", result.Figures.Stop!.Rule);
        Assert.True(result.Good);
        Assert.Equal(3 * first, result.Steps);
        Assert.Equal(result.Steps, result.Figures.Last!.Step);
        Assert.InRange(result.After!.Step, 3, result.Steps - 3);
        Assert.True(result.After.Mean("kl") <= options.Stop.KlBudget);
        var best = Weights(result.Policy, "best");
        Assert.Single(Directory.GetFiles(_folder.File("bound"), "best-*"));

        // Resumed it ends where it ended; with a looser bound it goes on.
        using var again = Run(options, traffic.Anchor, "bound", resume: true);
        Assert.Equal((result.Steps, result.Figures.Stop), (again.Steps, again.Figures.Stop));
        Assert.Equal(best, Weights(again.Policy, "again"));
        options.Stop.KlBudget = 0;
        using var further = Run(options, traffic.Anchor, "bound", resume: true);
        Assert.Equal(30, further.Steps);
        Assert.Equal(free.Figures.Last!.ToJson().ToJsonString(), further.Figures.Last!.ToJson().ToJsonString());
        Assert.Equal(free.After!.Step, further.After!.Step);
        Assert.Equal(Weights(free.Policy, "free weights"), Weights(further.Policy, "further weights"));
    }

    [Fact]
    public void Evaluations_do_not_change_what_is_learnt_and_a_run_stopped_between_them_is_evaluated_at_the_same_steps()
    {
        var options = Options("jbond", steps: 9);
        (options.HeldOut, options.EvaluationPrompts, options.EvaluateEvery, options.EvaluationCandidates, options.Stop) = (.3, 20, 6, 4, NoBounds());
        options.CheckpointEvery = 3;
        using var whole = Run(options, traffic.Student, "whole");
        options.EvaluateEvery = 0;
        using var rare = Run(options, traffic.Student, "rare");
        options.EvaluateEvery = 6;

        using var stop = new CancellationTokenSource();
        var calls = 0;                                                                  // 80 of the start, 54 of a round
        Task<Score> Stopping(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref calls) == 164)
            {
                stop.Cancel();
            }

            return Traffic.Letters(source, answer, others, CancellationToken.None);
        }

        try
        {
            Run(options, traffic.Student, "stopped", score: Stopping, cancellationToken: stop.Token).Dispose();
            Assert.Fail("The run was to be stopped.");
        }
        catch (OperationCanceledException)
        {
        }

        using var resumed = Run(options, traffic.Student, "stopped", resume: true);

        Assert.Equal(Trained(rare, "rare"), Trained(whole, "whole"));
        Assert.Equal(Logged("whole", "evaluation/total"), Logged("stopped", "evaluation/total"));
        Assert.Equal(3, Logged("whole", "evaluation/total").Length);

        byte[] Trained(TrainingResult result, string run)
        {
            Assert.Equal(9, result.Figures.Last!.Step);
            return File.ReadAllBytes(Path.Combine(_folder.Path, run, "checkpoint", "weights.safetensors"));
        }
    }

    [Fact]
    public void A_checkpoint_of_other_settings_is_refused()
    {
        Run(Options("bond", steps: 3), traffic.Student).Dispose();
        var changed = Options("bond", steps: 3);
        changed.LearningRate = .1;

        var error = Assert.Throws<ResumeException>(() => Run(changed, traffic.Student, resume: true));

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

    private static StopOptions NoBounds() => new()
    {
        KlBudget = 0,
        JudgeMargin = 1,
        DivergenceEvaluations = 0,
        ShortestAnswers = 0,
        LongestAnswers = 1e6,
        Repetition = 1,
        Distinct = 0,
        Entropy = 0,
    };

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

    /// <summary>A figure of the log, in the order of its lines.</summary>
    private double[] Logged(string run, string figure) =>
    [
        .. File.ReadLines(Path.Combine(_folder.Path, run, "log.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement)
            .Where(line => line.TryGetProperty(figure, out _))
            .Select(line => line.GetProperty(figure).GetDouble()),
    ];

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
