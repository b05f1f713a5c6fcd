using System.CommandLine;
using System.Text.Json;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;
using Serving.Trainer.Loop;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Tests.Loop;

/// <summary>The recipe "off-policy" on the log of another policy.</summary>
public sealed class OffPolicyRunTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("none", false)]
    [InlineData("truncated", true)]
    [InlineData("v-trace", true)]
    public void It_raises_the_expected_reward_of_one_sample(string correction, bool priorities)
    {
        var options = Options(steps: 50);
        options.OffPolicy.Correction = correction;
        options.Replay.Priorities = priorities;
        options.HeldOut = .5;
        options.EvaluationPrompts = 100;

        using var result = Run(options);

        var (gain, error) = result.After!.GainOver(result.Before!);
        Assert.True(gain > 3 * error && gain > .3, $"{result.Before?.Total} -> {result.After?.Total}, gain {gain} +- {error}");
    }

    [Fact]
    public void Its_log_says_how_far_off_policy_it_is()
    {
        var options = Options(steps: 8);
        options.OffPolicy.ValueHead = true;
        options.Replay.Priorities = true;

        Run(options).Dispose();

        var line = File.ReadLines(_folder.File("run/log.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).Last(line => line.TryGetProperty("loss", out _));
        Assert.Equal(
            [
                "off_policy", "off_policy_chi_square", "off_policy_clipped", "off_policy_ess", "off_policy_kl", "off_policy_kl_to_start", "off_policy_left_out",
                "off_policy_value", "replay/dropped", "replay/groups", "replay/skipped", "replay/stale", "replay/staleness",
            ],
            line.EnumerateObject().Select(value => value.Name).Where(name => name.StartsWith("off_policy", StringComparison.Ordinal) || name.StartsWith("replay/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.InRange(line.GetProperty("off_policy_ess").GetDouble(), .02, 1);
        Assert.Equal(150, line.GetProperty("replay/groups").GetDouble());
    }

    [Fact]
    public void One_seed_gives_one_result_stopped_or_not_with_priorities_and_a_value_head()
    {
        var options = Options(steps: 12);
        options.OffPolicy.ValueHead = true;
        options.Replay.Priorities = true;
        options.CheckpointEvery = 3;
        var whole = Weights(Run(options, "whole"));
        var again = Weights(Run(options, "again"));
        var other = Weights(Run(options, "other", seed: 8));

        using var stop = new CancellationTokenSource();
        stop.Cancel();
        for (var i = 0; i < 2; i++)
        {
            Assert.Throws<OperationCanceledException>(() => Run(options, "stopped", resume: true, cancellationToken: stop.Token));
        }

        Assert.True(File.Exists(_folder.File("stopped/checkpoint/value.safetensors")));
        Assert.Equal(whole, again);
        Assert.NotEqual(whole, other);
        Assert.Equal(whole, Weights(Run(options, "stopped", resume: true)));
        foreach (var file in Directory.GetFiles(_folder.File("whole/checkpoint")))
        {
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(file.Replace("whole", "stopped", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task A_checkpoint_does_not_go_on_over_a_log_from_which_episodes_were_deleted()
    {
        var log = _folder.File("episodes");
        Copy(traffic.Episodes, log);
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        var options = Options(steps: 6);
        Assert.Throws<OperationCanceledException>(() => Run(options, resume: true, episodes: log, cancellationToken: stop.Token));

        Assert.Equal(0, EpisodesCommand.Create().Parse(["delete", log, "--id", "episode-3"]).Invoke());
        var fewer = Assert.Throws<ResumeException>(() => Run(options, resume: true, episodes: log));
        await using (var writer = new EpisodeLog(new EpisodeOptions { Root = log }))
        {
            await writer.AppendAsync(new EpisodeReader(traffic.Episodes).ReadAll().First() with { Id = "another" }, TestContext.Current.CancellationToken);
        }

        var other = Assert.Throws<ResumeException>(() => Run(options, resume: true, episodes: log));

        Assert.Contains("150 episodes", fewer.Message, StringComparison.Ordinal);
        Assert.Contains("deleted", other.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Trainer:OffPolicy:Correction", "retrace", "none, truncated or v-trace")]
    [InlineData("Trainer:OffPolicy:CBar", "2", "at most Trainer:OffPolicy:RhoBar")]
    [InlineData("Trainer:Recipe", "bond", "needs the recipe off-policy")]
    [InlineData("Trainer:OffPolicy:Correction", "truncated", "ValueHead learns the targets of v-trace")]
    public void Settings_that_do_not_go_together_are_named(string setting, string value, string message)
    {
        var options = Options(steps: 1);
        options.OffPolicy.ValueHead = true;
        options.Replay.Priorities = true;
        switch (setting)
        {
            case "Trainer:OffPolicy:CBar":
                options.OffPolicy.CBar = 2;
                break;
            case "Trainer:Recipe":
                options.Recipe = value;
                break;
            default:
                options.OffPolicy.Correction = value;
                break;
        }

        var result = new TrainerOptionsValidator().Validate(null, options);

        Assert.Contains(result.Failures!, failure => failure.Contains(message, StringComparison.Ordinal));
    }

    private static TrainerOptions Options(int steps) => new()
    {
        Recipe = "off-policy",
        Steps = steps,
        GroupsPerStep = 6,
        LearningRate = 5e-3,
        WarmUpSteps = 2,
        RoundSteps = 3,
        MaxTokens = Traffic.MaxTokens,
        EvaluationPrompts = 0,
        LogEvery = 4,
        Threads = 1,
        BFloat16 = false,
    };

    private TrainingResult Run(
        TrainerOptions options, string folder = "run", ulong seed = 7, bool resume = false, string? episodes = null, CancellationToken cancellationToken = default)
    {
        var run = new TrainingRun
        {
            Start = traffic.Anchor,
            Teacher = traffic.Anchor,
            Episodes = episodes ?? traffic.Episodes,
            Folder = _folder.File(folder),
            Seed = seed,
            Resume = resume,
        };
        return new TrainingLoop(options, run, Traffic.Letters, Traffic.Onnx, Traffic.Inference, TimeProvider.System).Run(cancellationToken);
    }

    private byte[] Weights(TrainingResult result)
    {
        using (result)
        {
            PolicyWeights.WriteTensors(result.Policy, _folder.File("weights"));
            return File.ReadAllBytes(_folder.File("weights"));
        }
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
