using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "beside-trainer": what a reader of streams sees while the server's own trainer learns beside it. The server is a process with the shipped models, which starts its
/// trainer itself after a burst of Best-of-N traffic; blocks in which the trainer works and blocks in which it is stopped (SIGSTOP) take turns in one run.
/// </summary>
internal static partial class BesideTrainerBenchmark
{
    private const int Continue = 18;              // SIGCONT
    private const int Stop = 19;                  // SIGSTOP
    private const int Vocabulary = 4096;

    private static readonly TimeSpan _settling = TimeSpan.FromSeconds(1);

    public static int Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models" };
        var policy = new Option<string>("--model") { Description = "Who answers the streams.", DefaultValueFactory = _ => "anchor" };
        var streams = new Option<int>("--streams") { Description = "Readers at once; each begins the next answer when one ends.", DefaultValueFactory = _ => 2 };
        var tokens = new Option<int>("--tokens") { DefaultValueFactory = _ => 128 };
        var length = new Option<int>("--prompt") { Description = "Prompt tokens.", DefaultValueFactory = _ => 64 };
        var pairs = new Option<int>("--pairs") { Description = "Pairs of blocks, one with and one without.", DefaultValueFactory = _ => 6 };
        var seconds = new Option<double>("--seconds") { Description = "Of one block.", DefaultValueFactory = _ => 10 };
        var episodes = new Option<int>("--episodes") { Description = "Best-of-8 answers to learn from.", DefaultValueFactory = _ => 200 };
        var nice = new Option<int>("--nice") { Description = "Trainer:Nice.", DefaultValueFactory = _ => 19 };
        var set = new Option<string[]>("--set") { Description = "Settings of the server, --Section:Key=value.", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        var command = new RootCommand("Streams beside the server's own trainer.") { models, policy, streams, tokens, length, pairs, seconds, episodes, nice, set };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var folder = new TemporaryFolder();
            await using var server = await ServerProcess.StartAsync(
                Path.GetFullPath(parsed.GetValue(models)!),
                folder.File("episodes"),
                cancellationToken,
                [
                    "--Onnx:Threads=2", "--Trainer:Mode=Supervised", "--Trainer:Root=" + folder.File("training"), $"--Trainer:MinNewEpisodes={parsed.GetValue(episodes)}",
                    $"--Trainer:Nice={parsed.GetValue(nice)}", "--Trainer:Steps=1000000", "--Trainer:EvaluationPrompts=0", "--Trainer:LogEvery=1", "--Trainer:StallLimit=1.00:00:00",
                    "--Experiments:Gate=Off", "--Experiments:Root=" + folder.File("experiments"), .. parsed.GetValue(set)!,
                ]);
            using var http = server.CreateClient();
            await BestOfNBurst.SendAsync(server, parsed.GetValue(episodes), cancellationToken);
            var log = folder.File("training/run-00001/log.jsonl");
            await LearnsAsync(server, log, 2, cancellationToken);
            var trainer = int.Parse(Started().Match(server.Output).Groups[1].Value, CultureInfo.InvariantCulture);
            var readers = new Readers(new LoadClient(http), parsed.GetValue(policy)!, parsed.GetValue(streams), parsed.GetValue(length), parsed.GetValue(tokens));
            Blocks with = new(), without = new();
            await readers.ReadAsync(_settling + _settling, cancellationToken);
            for (var pair = 0; pair < parsed.GetValue(pairs); pair++)
            {
                foreach (var works in pair % 2 == 0 ? [false, true] : new[] { true, false })
                {
                    _ = Send(trainer, works ? Continue : Stop);
                    await readers.ReadAsync(_settling, cancellationToken);
                    var (steps, processor, watch) = (Steps(log), ProcessorTime(trainer), Stopwatch.StartNew());
                    var gaps = await readers.ReadAsync(TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellationToken);
                    (works ? with : without).Add(gaps, Steps(log) - steps, (ProcessorTime(trainer) - processor) / watch.Elapsed, gaps.Length / watch.Elapsed.TotalSeconds);
                }
            }

            _ = Send(trainer, Continue);
            Print(with, without, parsed.GetValue(policy)!, parsed.GetValue(streams), parsed.GetValue(nice));
        });
        return command.Parse(args).Invoke();
    }

    private static void Print(Blocks with, Blocks without, string policy, int streams, int nice)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{streams} streams of {policy}, trainer at nice {nice}; medians of {with.Count} blocks"));
        Console.WriteLine("| trainer | ms between tokens p50 | p99 | tokens/s | trainer's cores | its steps |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        Console.WriteLine(without.Row("stopped"));
        Console.WriteLine(with.Row("works"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"ratio of the medians: p50 {with.Middle(0.5) / without.Middle(0.5):f2} (wanted 1.5), p99 {with.Middle(0.99) / without.Middle(0.99):f2} (wanted 2.5)"));
    }

    private static async Task LearnsAsync(ServerProcess server, string log, int steps, CancellationToken cancellationToken)
    {
        var waiting = Stopwatch.StartNew();
        while (Steps(log) < steps)
        {
            if (waiting.Elapsed > TimeSpan.FromMinutes(10))
            {
                throw new InvalidOperationException($"The trainer does not learn. The server said:\n{server.Output}");
            }

            await Task.Delay(100, cancellationToken);
        }
    }

    private static int Steps(string log)
    {
        if (!File.Exists(log))
        {
            return 0;
        }

        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return reader.ReadToEnd().Split('\n').Count(line => line.Contains("\"loss\"", StringComparison.Ordinal));
    }

    private static TimeSpan ProcessorTime(int process)
    {
        using var running = Process.GetProcessById(process);
        return running.TotalProcessorTime;
    }

    [GeneratedRegex("works in process ([0-9]+)")]
    private static partial Regex Started();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);

    /// <summary>So many readers, each with one stream after the other.</summary>
    private sealed class Readers(LoadClient client, string model, int streams, int length, int tokens)
    {
        private int _number;

        /// <summary>Milliseconds between the tokens of all streams that ran in this time; those that are under way at its end are read to theirs.</summary>
        public async Task<double[]> ReadAsync(TimeSpan time, CancellationToken cancellationToken)
        {
            var watch = Stopwatch.StartNew();
            var gaps = await Task.WhenAll(Enumerable.Range(0, streams).Select(async _ =>
            {
                var own = new List<double>();
                while (watch.Elapsed < time)
                {
                    var body = LoadClient.Body(model, LoadClient.Prompt(Interlocked.Increment(ref _number), length, Vocabulary), 1, tokens, stream: true);
                    own.AddRange((await client.AskAsync(body, cancellationToken)).Gaps);
                }

                return own;
            }));
            return [.. gaps.SelectMany(own => own)];
        }
    }

    private sealed class Blocks
    {
        private readonly List<(double[] Gaps, int Steps, double Cores, double PerSecond)> _blocks = [];

        public int Count => _blocks.Count;

        public void Add(double[] gaps, int steps, double cores, double perSecond) => _blocks.Add(([.. gaps.Order()], steps, cores, perSecond));

        /// <summary>Median over the blocks of this quantile.</summary>
        public double Middle(double quantile) => StepCost.Middle([.. _blocks.Select(block => block.Gaps[(int)(quantile * (block.Gaps.Length - 1))])]);

        public string Row(string trainer) => string.Create(
            CultureInfo.InvariantCulture,
            $"| {trainer} | {Middle(0.5):f2} | {Middle(0.99):f2} | {StepCost.Middle([.. _blocks.Select(block => block.PerSecond)]):f0} | {StepCost.Middle([.. _blocks.Select(block => block.Cores)]):f2} | {_blocks.Sum(block => block.Steps)} |");
    }
}
