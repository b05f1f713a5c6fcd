using System.Diagnostics;
using System.Text.Json;
using Serving.Testing;

namespace Serving.Trainer.Tests.Loop;

/// <summary>The verb "run" as a process of its own, killed by SIGKILL in the middle of its work.</summary>
public sealed class RunKillTests(Traffic traffic) : IClassFixture<Traffic>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("bond+gkd", 40, "Trainer:Gkd:Weight=1")]
    [InlineData("jbond", 14, "Trainer:JBond:Gamma=0.1")]
    [InlineData("off-policy", 40, "Trainer:OffPolicy:ValueHead=true", "Trainer:Replay:Priorities=true")]
    public async Task A_run_killed_at_a_random_moment_and_resumed_ends_with_the_checkpoint_of_one_that_was_not(string recipe, int steps, params string[] settings)
    {
        var token = TestContext.Current.CancellationToken;
        if (!traffic.Store.Names().Contains("entailment"))
        {
            TinyScorer.PublishBoth(traffic.Store);
        }

        using (var whole = Start("whole", recipe, steps, settings))
        {
            await EndAsync(whole, token);
        }

        using (var killed = Start("killed", recipe, steps, settings))
        {
            while (!killed.HasExited && !Directory.Exists(_folder.File("killed/checkpoint")))
            {
                await Task.Delay(5, token);
            }

            await Task.Delay(Random.Shared.Next(60), token);
            killed.Kill();
            await killed.WaitForExitAsync(token);
        }

        Assert.True(Losses("killed").Count < Losses("whole").Count, "The run was over before the kill.");
        using (var resumed = Start("killed", recipe, steps, [.. settings], "--resume"))
        {
            await EndAsync(resumed, token);
        }

        Assert.Equal(Losses("whole"), Losses("killed"));
        var files = Directory.GetFiles(_folder.File("whole/checkpoint")).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(files, Directory.GetFiles(_folder.File("killed/checkpoint")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var file in files)
        {
            Assert.True(
                File.ReadAllBytes(_folder.File($"whole/checkpoint/{file}")).AsSpan().SequenceEqual(File.ReadAllBytes(_folder.File($"killed/checkpoint/{file}"))), file);
        }
    }

    private Process Start(string run, string recipe, int steps, string[] settings, params string[] more)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.Path,
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        };
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "Serving.Trainer.dll"), "run",
            "--recipe", recipe, "--episodes", traffic.Episodes, "--models", traffic.Store.Root, "--start", "student@1", "--teacher", "anchor@1",
            "--steps", $"{steps}", "--run", _folder.File(run), "--seed", "3", .. more,
            "--set", "Trainer:Threads=1", "Trainer:BFloat16=false", "Trainer:EvaluationPrompts=0", $"Trainer:MaxTokens={Traffic.MaxTokens}", "Trainer:GroupsPerStep=4",
            "Trainer:RoundSteps=2", "Trainer:CheckpointEvery=3", "Trainer:LogEvery=1", "Trainer:LearningRate=0.005", .. settings,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private static async Task EndAsync(Process process, CancellationToken token)
    {
        var errors = process.StandardError.ReadToEndAsync(token);
        await process.StandardOutput.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        Assert.True(process.ExitCode == 0, await errors);
    }

    /// <summary>(step, loss) of the whole lines; a process may be writing another.</summary>
    private List<(int, double)> Losses(string run)
    {
        using var reader = new StreamReader(new FileStream(_folder.File($"{run}/log.jsonl"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return
        [
            .. reader.ReadToEnd().Split('\n')[..^1]
                .Select(line => JsonDocument.Parse(line).RootElement)
                .Where(line => line.TryGetProperty("loss", out _))
                .Select(line => (line.GetProperty("step").GetInt32(), line.GetProperty("loss").GetDouble())),
        ];
    }
}
