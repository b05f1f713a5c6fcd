using System.Diagnostics;
using System.Text.Json;

namespace Serving.Trainer.Tests.Pretraining;

/// <summary>The trainer as a process of its own, killed by SIGKILL in the middle of its work.</summary>
public sealed class PretrainKillTests : IDisposable
{
    private readonly TinyTask _task = new();

    [Fact]
    public async Task A_run_killed_at_a_random_moment_and_resumed_logs_the_losses_of_one_that_was_not()
    {
        var token = TestContext.Current.CancellationToken;
        using (var whole = Start("whole"))
        {
            await EndAsync(whole, token);
        }

        using (var killed = Start("killed"))
        {
            while (!killed.HasExited && Losses("killed").Count < 2)     // past a checkpoint
            {
                await Task.Delay(5, token);
            }

            await Task.Delay(Random.Shared.Next(100), token);
            killed.Kill();
            await killed.WaitForExitAsync(token);
        }

        Assert.True(Losses("killed").Count < Losses("whole").Count, "The run was over before the kill.");
        using (var resumed = Start("killed", "--resume"))
        {
            await EndAsync(resumed, token);
        }

        Assert.Equal(Losses("whole"), Losses("killed"));
        Assert.Equal(Published("whole"), Published("killed"));
    }

    public void Dispose() => _task.Dispose();

    private Process Start(string run, params string[] more)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        };
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "Serving.Trainer.dll"), "pretrain",
            "--data", _task.Data, "--validation", _task.Data, "--tokenizer", _task.Folder, "--run", _task.Run(run), "--models", _task.Run(run + "-models"),
            "--publish-as", "tiny", "--hidden", "32", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--intermediate", "48",
            "--steps", "100", "--batch-tokens", "256", "--checkpoint-every", "9", .. more,
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
        var path = Path.Combine(_task.Run(run), "log.jsonl");
        if (!File.Exists(path))
        {
            return [];
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return
        [
            .. reader.ReadToEnd().Split('\n')[..^1]
                .Select(line => JsonDocument.Parse(line).RootElement)
                .Where(line => line.TryGetProperty("loss", out _))
                .Select(line => (line.GetProperty("step").GetInt32(), line.GetProperty("loss").GetDouble())),
        ];
    }

    private byte[] Published(string run) => File.ReadAllBytes(Path.Combine(_task.Run(run + "-models"), "tiny", "1", "model.safetensors"));
}
