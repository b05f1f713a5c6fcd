using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Serving.Episodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "append": the durable append of episodes of 16 candidates x 24 tokens behind 128 prompt tokens. As many as go in with many callers, and the time of one
/// at the rates of serving, beside what an fsync of the same bytes costs on this disk in the same run: no append can be quicker. With --serving the
/// same once more beside a server that answers Best-of-16 on all cores.
/// </summary>
internal static class AppendBenchmark
{
    private const int Candidates = 16;
    private const int Tokens = 24;
    private const int PromptTokens = 128;
    private const int Different = 512;

    private static readonly string[] _words = "a the of for to and with tool library files that which Perl Python module data network command line simple fast reads writes formats from server client"
        .Split(' ');

    public static int Run(string[] args)
    {
        var root = new Option<string?>("--root") { Description = "Folder on the disk to measure [default: a temporary one]." };
        var appenders = new Option<int>("--appenders") { DefaultValueFactory = _ => 256 };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 5 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3 };
        var rates = new Option<int[]>("--rates") { DefaultValueFactory = _ => [50, 200], AllowMultipleArgumentsPerToken = true };
        var serving = new Option<string?>("--serving") { Description = "Models of a server that generates beside the appends." };
        var command = new RootCommand("Durable appends.") { root, appenders, seconds, rounds, rates, serving };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var temporary = new TemporaryFolder();
            var folder = parsed.GetValue(root) is { } given ? Path.Combine(Path.GetFullPath(given), "append-benchmark") : temporary.Path;
            var random = new Random(1);
            var episodes = Enumerable.Range(0, Different).Select(i => Realistic(random, i)).ToArray();
            await WarmAsync(Path.Combine(folder, "warm"), episodes, cancellationToken);
            EncodingAlone(episodes);
            for (var round = 0; round < parsed.GetValue(rounds); round++)
            {
                await ManyAsync(Path.Combine(folder, $"many-{round}"), episodes, parsed.GetValue(appenders), parsed.GetValue(seconds), cancellationToken);
            }

            foreach (var rate in parsed.GetValue(rates)!)
            {
                await PacedAsync(Path.Combine(folder, $"rate-{rate}"), episodes, rate, parsed.GetValue(seconds) * 2, cancellationToken);
            }

            if (parsed.GetValue(serving) is { } models)
            {
                await using var beside = await ServingBeside.StartAsync(Path.GetFullPath(models), cancellationToken);
                foreach (var rate in parsed.GetValue(rates)!)
                {
                    var answered = beside.Answered;
                    await PacedAsync(Path.Combine(folder, $"serving-{rate}"), episodes, rate, parsed.GetValue(seconds) * 2, cancellationToken);
                    Console.WriteLine($"  beside {beside.Answered - answered} answers of Best-of-16");
                }
            }
        });
        return command.Parse(args).Invoke();
    }

    private static async Task WarmAsync(string folder, Episode[] episodes, CancellationToken cancellationToken)
    {
        await using var log = new EpisodeLog(new EpisodeOptions { Root = folder });
        for (var i = 0; i < 20; i++)
        {
            await Task.WhenAll(episodes.Select(episode => log.AppendAsync(episode, cancellationToken)));
        }
    }

    private static void EncodingAlone(Episode[] episodes)
    {
        var best = double.MaxValue;
        long bytes = 0;
        for (var round = 0; round < 9; round++)
        {
            var begun = Environment.CpuUsage.TotalTime;
            bytes = 0;
            foreach (var episode in episodes)
            {
                var frame = EpisodeEncoder.Encode(episode);
                bytes += frame.Length;
                frame.Return();
            }

            best = Math.Min(best, (Environment.CpuUsage.TotalTime - begun).TotalMicroseconds / episodes.Length);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"encoding alone, one thread: {best:F1} CPU-us an episode of {bytes / episodes.Length} bytes (best of 9)"));
    }

    private static async Task ManyAsync(string folder, Episode[] episodes, int appenders, double seconds, CancellationToken cancellationToken)
    {
        await using var log = new EpisodeLog(new EpisodeOptions { Root = folder });
        var latencies = new List<double>[appenders];
        var cpu = Environment.CpuUsage.TotalTime;
        var begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, appenders).Select(appender => Task.Run(
            async () =>
            {
                var own = latencies[appender] = [];
                for (var i = appender; Stopwatch.GetElapsedTime(begun).TotalSeconds < seconds; i += appenders)
                {
                    var start = Stopwatch.GetTimestamp();
                    await log.AppendAsync(episodes[i % episodes.Length], cancellationToken);
                    own.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            },
            cancellationToken)));
        var elapsed = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var all = latencies.SelectMany(own => own).Order().ToArray();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{appenders} appenders: {all.Length / elapsed:F0} episodes/s, {(Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / all.Length:F0} CPU-us each; append p50 {At(all, 0.5):F1} ms, p99 {At(all, 0.99):F1} ms"));
    }

    private static async Task PacedAsync(string folder, Episode[] episodes, int rate, double seconds, CancellationToken cancellationToken)
    {
        var before = Fsync(folder);
        double[] appends;
        await using (var log = new EpisodeLog(new EpisodeOptions { Root = folder }))
        {
            // Open loop: the next append comes when it is due, whatever became of those before.
            var waiting = new List<Task<double>>();
            var begun = Stopwatch.GetTimestamp();
            for (var i = 0; i < rate * seconds; i++)
            {
                var due = TimeSpan.FromSeconds((double)i / rate) - Stopwatch.GetElapsedTime(begun);
                if (due > TimeSpan.Zero)
                {
                    await Task.Delay(due, cancellationToken);
                }

                waiting.Add(TimedAsync(log, episodes[i % episodes.Length], cancellationToken));
            }

            appends = [.. (await Task.WhenAll(waiting)).Order()];
        }

        double[] disk = [.. before.Concat(Fsync(folder)).Order()];
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{rate}/s, {appends.Length} appends: p50 {At(appends, 0.5):F2} ms, p99 {At(appends, 0.99):F2} ms, most {appends[^1]:F1} ms; "
            + $"write and fsync of as many bytes, {disk.Length} times: p50 {At(disk, 0.5):F2} ms, p99 {At(disk, 0.99):F2} ms; added at p50 {At(appends, 0.5) - At(disk, 0.5):F2} ms, at p99 {At(appends, 0.99) - At(disk, 0.99):F2} ms"));
    }

    private static async Task<double> TimedAsync(EpisodeLog log, Episode episode, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        await log.AppendAsync(episode, cancellationToken);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>What the disk takes for a group of one: a write, the commit byte, an fsync.</summary>
    private static double[] Fsync(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "fsync");
        var bytes = new byte[7000];
        var times = new double[500];
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            for (var i = 0; i < times.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                RandomAccess.Write(file, bytes, (long)i * bytes.Length);
                RandomAccess.Write(file, [1], (long)i * bytes.Length);
                RandomAccess.FlushToDisk(file);
                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }

        File.Delete(path);
        return times;
    }

    private static double At(double[] sorted, double quantile) => sorted.Length == 0 ? double.NaN : sorted[(int)Math.Min(sorted.Length - 1, quantile * sorted.Length)];

    private static Episode Realistic(Random random, int i)
    {
        var usual = EpisodeSamples.Usual($"chatcmpl-{Guid.CreateVersion7(DateTimeOffset.UnixEpoch.AddYears(56).AddSeconds(i)):N}", Candidates, Tokens, random);
        var source = Sentence(random, 90);
        return usual with
        {
            Policy = "anchor@1",
            PolicyDigest = "sha256:" + new string('a', 64),
            ScorecardDigest = "sha256:" + new string('b', 64),
            Source = source,
            Prompt = "<s>" + source + "<sum>",
            PromptTokens = [.. Enumerable.Range(0, PromptTokens).Select(_ => Token(random))],
            MaxTokens = 64,
            ResponseFormat = "text",
            Candidates =
            [
                .. usual.Candidates.Select(candidate => candidate with
                {
                    Text = Sentence(random, 16),
                    Tokens = [.. Enumerable.Range(0, Tokens).Select(_ => Token(random))],
                    Scores = [.. ((string[])["consensus", "entailment", "reward", "style"]).Select(name => KeyValuePair.Create(name, random.NextSingle()))],
                }),
            ],
        };
    }

    private static string Sentence(Random random, int words) => string.Join(' ', Enumerable.Range(0, words).Select(_ => _words[random.Next(_words.Length)]));

    /// <summary>Ids as text has them: small ones often.</summary>
    private static int Token(Random random) => (int)Math.Min(8191, Math.Pow(8192, random.NextDouble()));
}
