using System.CommandLine;
using System.Globalization;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>Kills the verb "score" at random moments, lets it go on, and compares its output with that of an undisturbed run, byte for byte.</summary>
internal static class BatchKillBenchmark
{
    public static Task<int> Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var data = new Option<string?>("--data");
        var count = new Option<int>("--pairs") { DefaultValueFactory = _ => 20_000 };
        var kills = new Option<int>("--kills") { DefaultValueFactory = _ => 20 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var command = new RootCommand("The verb \"score\" under SIGKILL.") { models, data, count, kills, seed };
        command.SetAction(async (parsed, _) =>
        {
            using var folder = new TemporaryFolder();
            var input = folder.File("pairs.jsonl");
            BatchPairs.Write(input, parsed.GetValue(data), parsed.GetValue(count));
            var (seconds, _) = await ScoreProcess.RunAsync(parsed.GetRequiredValue(models), input, folder.File("whole.jsonl"));
            return await KillAsync(folder, parsed.GetRequiredValue(models), input, seconds, parsed.GetValue(kills), new Random(parsed.GetValue(seed)));
        });
        return command.Parse(args).InvokeAsync();
    }

    private static async Task<int> KillAsync(TemporaryFolder folder, string models, string input, double seconds, int kills, Random random)
    {
        var output = folder.File("killed.jsonl");
        var done = new List<long>();
        var same = true;
        while (done.Count < kills)
        {
            using var process = ScoreProcess.Start(models, input, output);
            var ended = process.WaitForExitAsync();
            await Task.WhenAny(ended, Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * seconds)));
            if (ended.IsCompleted)        // every moment of a run is to be met: begin again
            {
                if (process.ExitCode != 0)
                {
                    throw new InvalidOperationException($"score ended by itself with {process.ExitCode}.");
                }

                same &= await IsWholeAsync(folder, output);
                File.Delete(output);
                File.Delete(output + ".progress");
                continue;
            }

            process.Kill();
            await ended;
            done.Add(File.Exists(output) ? File.ReadAllBytes(output).AsSpan().Count((byte)'\n') : 0);
        }

        await ScoreProcess.RunAsync(models, input, output);
        same &= await IsWholeAsync(folder, output);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kills} kills, lines done at each: {string.Join(", ", done)}"));
        Console.WriteLine(same ? "Every finished output is that of an undisturbed run, byte for byte." : "An output DIFFERS from that of an undisturbed run.");
        return same ? 0 : 1;
    }

    private static async Task<bool> IsWholeAsync(TemporaryFolder folder, string output)
    {
        var (whole, written) = (await File.ReadAllBytesAsync(folder.File("whole.jsonl")), await File.ReadAllBytesAsync(output));
        return written.AsSpan().SequenceEqual(whole);
    }
}
