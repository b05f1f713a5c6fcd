using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Serving.Models;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "load": generated tokens per second over HTTP, from the request to the end of the answer, for the candidates of one prompt and for as many unrelated
/// prompts; with --stream also what a reader sees. The server is a process of its own with random weights of a shape, or one that runs already (--url).
/// </summary>
internal static class LoadBenchmark
{
    public static int Run(string[] args)
    {
        var url = new Option<Uri?>("--url") { Description = "A server that runs; none = one is started over random weights of --shape." };
        var model = new Option<string>("--model") { Description = "Name to ask for.", DefaultValueFactory = _ => "anchor" };
        var shape = new Option<string>("--shape") { DefaultValueFactory = _ => "m10" }.AcceptOnlyFromAmong([.. DecodeBenchmark.Shapes.Keys]);
        var precision = new Option<string>("--precision") { DefaultValueFactory = _ => "Int8" }.AcceptOnlyFromAmong("Float32", "Int8");
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var prompts = new Option<int[]>("--prompts") { DefaultValueFactory = _ => [1, 4, 16, 32], AllowMultipleArgumentsPerToken = true };
        var candidates = new Option<int>("--n") { Description = "Candidates of the one prompt.", DefaultValueFactory = _ => 16 };
        var length = new Option<int>("--prompt") { Description = "Prompt tokens.", DefaultValueFactory = _ => 128 };
        var tokens = new Option<int>("--tokens") { Description = "New tokens per answer.", DefaultValueFactory = _ => 64 };
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 7 };
        var stream = new Option<bool>("--stream") { Description = "Streams the unrelated answers and tells what a reader sees." };
        var rate = new Option<double>("--rate") { Description = "Requests per second at random moments (Poisson), streamed; 0 = all at once." };
        var goal = new Option<double[]>("--goal")
        {
            Description = "Milliseconds to the first text and per token that an answer must keep to count as good.",
            DefaultValueFactory = _ => [200, 50],
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new RootCommand("Tokens per second over HTTP.") { url, model, shape, precision, threads, prompts, candidates, length, tokens, rounds, stream, rate, goal };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var folder = new TemporaryFolder();
            var vocabulary = DecodeBenchmark.Shapes[parsed.GetValue(shape)!].VocabularySize;
            await using var server = parsed.GetValue(url) is null
                ? await StartAsync(folder, parsed.GetValue(shape)!, parsed.GetValue(precision)!, parsed.GetValue(threads), cancellationToken)
                : null;
            using var http = server?.CreateClient() ?? new HttpClient { BaseAddress = parsed.GetValue(url) };
            http.Timeout = Timeout.InfiniteTimeSpan;
            var ask = new Load(new LoadClient(http), parsed.GetValue(model)!, vocabulary, parsed.GetValue(length), parsed.GetValue(tokens));
            var name = parsed.GetValue(url)?.ToString() ?? $"{parsed.GetValue(shape)} {parsed.GetValue(precision)}, {parsed.GetValue(threads)} threads";
            Console.WriteLine($"{name}, prompt {ask.Length}, {ask.Tokens} new tokens per answer, median of {parsed.GetValue(rounds)} rounds");
            if (parsed.GetValue(rate) is > 0 and var perSecond)
            {
                await ArriveAsync(ask, perSecond, parsed.GetValue(rounds), parsed.GetValue(goal)!, cancellationToken);
            }
            else
            {
                await TakeTurnsAsync(ask, server, parsed.GetValue(candidates), parsed.GetValue(prompts)!, parsed.GetValue(rounds), parsed.GetValue(stream), cancellationToken);
            }
        });
        return command.Parse(args).Invoke();
    }

    private static async Task<ServerProcess> StartAsync(TemporaryFolder folder, string shape, string precision, int threads, CancellationToken cancellationToken)
    {
        var store = new ModelStore(folder.File("models"), TimeProvider.System);
        TinyPolicy.Publish(store, "anchor", DecodeBenchmark.Shapes[shape], seed: 3);      // m110 of seed 1 ends every answer at once, which no canary lets pass
        TinyPolicy.Publish(store, "student");
        TinyScorer.PublishBoth(store);
        var server = await ServerProcess.StartAsync(
            folder.File("models"), folder.File("episodes"), cancellationToken, $"--Onnx:Threads={threads}", $"--Inference:Precision={precision}");
        await server.ReadyAsync(cancellationToken);
        return server;
    }

    /// <summary>Every case once a round, so that a busy moment does not fall on one of them.</summary>
    private static async Task TakeTurnsAsync(
        Load ask, ServerProcess? server, int candidates, int[] prompts, int rounds, bool stream, CancellationToken cancellationToken)
    {
        (string Name, int Requests, int Choices)[] cases =
        [
            ($"1 prompt, n = {candidates}", 1, candidates),
            .. prompts.Select(count => ($"{count} {(count == 1 ? "prompt" : "prompts at once")}, n = 1", count, 1)),
        ];
        var runs = cases.ToDictionary(one => one.Name, _ => new List<(double PerSecond, double PerCpuSecond)>());
        var answers = cases.ToDictionary(one => one.Name, _ => new List<AnswerTimes>());
        for (var round = -2; round < rounds; round++)
        {
            foreach (var (name, requests, choices) in cases)
            {
                var (cpu, watch) = (server?.ProcessorTime ?? default, Stopwatch.StartNew());
                var times = await Task.WhenAll(Enumerable.Range(0, requests).Select(_ => ask.OnceAsync(choices, stream && choices == 1, cancellationToken)));
                double generated = times.Sum(one => one.Tokens);
                if (round >= 0)          // the first rounds compile and warm
                {
                    runs[name].Add((generated / watch.Elapsed.TotalSeconds, server is null ? double.NaN : generated / (server.ProcessorTime - cpu).TotalSeconds));
                    answers[name].AddRange(times);
                }
            }
        }

        Console.WriteLine("| load | tokens/s | tokens/CPU-s of the server | first text ms p50 | p99 | between chunks ms p50 | p99 |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var (name, _, choices) in cases)
        {
            var speed = (PerSecond: StepCost.Middle([.. runs[name].Select(run => run.PerSecond)]), PerCpu: StepCost.Middle([.. runs[name].Select(run => run.PerCpuSecond)]));
            Console.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"| {name} | {speed.PerSecond:f0} | {speed.PerCpu:f0} ")
                + (stream && choices == 1 ? Seen(answers[name]) : "| - | - | - | - |"));
        }
    }

    /// <summary>Open loop: answers that take long do not hold the next requests back.</summary>
    private static async Task ArriveAsync(Load ask, double perSecond, int seconds, double[] goal, CancellationToken cancellationToken)
    {
        await ask.OnceAsync(1, stream: true, cancellationToken);
        var random = new Random(7);
        var running = new List<Task<AnswerTimes>>();
        var watch = Stopwatch.StartNew();
        for (double at = 0; at < seconds; at += -Math.Log(1 - random.NextDouble()) / perSecond)
        {
            var wait = TimeSpan.FromSeconds(at) - watch.Elapsed;
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, cancellationToken);
            }

            running.Add(ask.OnceAsync(1, stream: true, cancellationToken));
        }

        var answers = await Task.WhenAll(running);
        var good = answers.Count(one => one.First <= goal[0] && one.PerToken <= goal[1]);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{answers.Length} requests in {seconds} s, {answers.Sum(one => one.Tokens) / watch.Elapsed.TotalSeconds:f0} tokens/s, good (first text within {goal[0]} ms, {goal[1]} ms a token): {100.0 * good / answers.Length:f1} %"));
        Console.WriteLine("| first text ms p50 | p99 | between chunks ms p50 | p99 |");
        Console.WriteLine("| --- | --- | --- | --- |");
        Console.WriteLine(Seen(answers));
    }

    private static string Seen(IReadOnlyCollection<AnswerTimes> answers)
    {
        double[] first = [.. answers.Select(one => one.First).Order()];
        double[] gaps = [.. answers.SelectMany(one => one.Gaps).Order()];
        return string.Create(CultureInfo.InvariantCulture, $"| {At(first, 0.5):f1} | {At(first, 0.99):f1} | {At(gaps, 0.5):f2} | {At(gaps, 0.99):f2} |");

        static double At(double[] ordered, double share) => ordered.Length == 0 ? double.NaN : ordered[(int)(share * (ordered.Length - 1))];
    }

    /// <summary>What one answer asks for; every prompt is new.</summary>
    private sealed class Load(LoadClient client, string model, int vocabulary, int length, int tokens)
    {
        private int _number;

        public int Length => length;

        public int Tokens => tokens;

        public Task<AnswerTimes> OnceAsync(int choices, bool stream, CancellationToken cancellationToken) => client.AskAsync(
            LoadClient.Body(model, LoadClient.Prompt(Interlocked.Increment(ref _number), length, vocabulary), choices, tokens, stream), cancellationToken);
    }
}
