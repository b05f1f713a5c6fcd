using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "overhead": what a Best-of-N request costs beside its engine and its scorers, in processor time and in latency. One server process answers; its
/// threads tell what the engine and the scorers used, and beside it the same engine and scorers run bare in this process, on the same prompts in turn.
/// </summary>
internal static class OverheadBenchmark
{
    private const int MaxTokens = 32;
    private static readonly Uri _chat = new("/v1/chat/completions", UriKind.Relative);

    public static int Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => Path.Combine(Repository.Root, "models") };
        var policy = new Option<string>("--policy") { DefaultValueFactory = _ => "anchor" };
        var candidates = new Option<int>("--n") { DefaultValueFactory = _ => 16 };
        var requests = new Option<int>("--requests") { DefaultValueFactory = _ => 150 };
        var command = new RootCommand("Cost of the front end.") { models, policy, candidates, requests };
        command.SetAction((parsed, cancellationToken) => CompareAsync(
            Path.GetFullPath(parsed.GetValue(models)!), parsed.GetValue(policy)!, parsed.GetValue(candidates), parsed.GetValue(requests), cancellationToken));
        return command.Parse(args).Invoke();
    }

    private static async Task CompareAsync(string models, string policy, int candidates, int requests, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        await using var server = await ServerProcess.StartAsync(models, folder.File("episodes"), cancellationToken, "--Experiments:Gate=Off", "--Inference:PrefixCacheTokens=0", "--Scoring:Threads=1");
        using var client = server.CreateClient();
        await server.ReadyAsync(cancellationToken);
        using var bare = new Bare(models, policy, candidates);
        var descriptions = Descriptions.Take(Math.Max(requests, 21));
        double[] ranked = new double[requests], plain = new double[requests], first = new double[requests], bareFirst = new double[requests];
        double bareCpu = 0, serverCpu = 0;
        var threads = new Dictionary<string, double>();
        for (var i = -20; i < requests; i++)
        {
            var description = descriptions[Math.Abs(i)];
            var before = ThreadTimes.Of(server.Id);
            var cpu = server.ProcessorTime;
            var rankedTime = await AskAsync(client, Body(policy, description, candidates, best: true), cancellationToken);
            await Task.Delay(5, cancellationToken);                    // the log's and the telemetry's own threads finish
            var after = ThreadTimes.Of(server.Id);
            var used = (server.ProcessorTime - cpu).TotalMilliseconds;
            var plainTime = await AskAsync(client, Body(policy, description, candidates, best: false), cancellationToken);
            var (bareUsed, bareFirstTime) = await bare.RunAsync(description, cancellationToken);
            var firstTime = await FirstAsync(client, Body(policy, description, candidates: 1, best: false, stream: true), cancellationToken);
            if (i < 0)
            {
                continue;        // compiles and warms
            }

            (ranked[i], plain[i], first[i], bareFirst[i]) = (rankedTime, plainTime, firstTime, bareFirstTime);
            serverCpu += used;
            bareCpu += bareUsed;
            foreach (var (name, time) in after)
            {
                threads[name] = threads.GetValueOrDefault(name) + time - before.GetValueOrDefault(name);
            }
        }

        var counted = threads.Where(one => one.Key.StartsWith("policy", StringComparison.Ordinal) || one.Key.StartsWith("scorer", StringComparison.Ordinal)).Sum(one => one.Value);
        var rest = serverCpu - counted;                                // pool threads come and go, the process's total does not
        Console.WriteLine($"{policy}, Best-of-{candidates}, up to {MaxTokens} tokens, {requests} requests one after another, one thread per model");
        Print($"CPU ms per request: server {serverCpu / requests:f2}, bare engine and scorers {bareCpu / requests:f2}, ratio {serverCpu / bareCpu:f3}");
        Print($"by thread: engine and scorers {counted / requests:f2}, all else {rest / requests:f2} = {100 * rest / counted:f1} % of them");
        foreach (var (name, time) in threads.OrderByDescending(one => one.Value).Take(12))
        {
            Print($"  {name}: {time / requests:f3}");
        }

        Print($"latency ms, median: Best-of-{candidates} {StepCost.Middle(ranked):f2}, the same answers without scores {StepCost.Middle(plain):f2}, ratio of the medians {StepCost.Middle(ranked) / StepCost.Middle(plain):f3}, median of the ratios {StepCost.Middle(ranked.Zip(plain, (left, right) => left / right)):f3}");
        Print($"first text of a stream ms, median: HTTP {StepCost.Middle(first):f2}, bare engine {StepCost.Middle(bareFirst):f2}, median difference {StepCost.Middle(first.Zip(bareFirst, (left, right) => left - right)):f2}");
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    /// <summary>The texts that come with the demo, made different from each other by a number.</summary>
    private static JsonObject Body(string policy, string description, int candidates, bool best, bool stream = false)
    {
        var body = new JsonObject
        {
            ["model"] = policy,
            ["seed"] = 7,
            ["temperature"] = 0.7,
            ["top_p"] = 0.95,
            ["max_tokens"] = MaxTokens,
            ["stream"] = stream,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = description }),
        };
        if (best)
        {
            body["best_of_n"] = new JsonObject { ["n"] = candidates };
        }
        else
        {
            body["n"] = candidates;
        }

        return body;
    }

    private static async Task<double> AskAsync(HttpClient client, JsonObject body, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        using var response = await client.PostAsJsonAsync(_chat, body, cancellationToken);
        await response.Content.ReadAsByteArrayAsync(cancellationToken);
        response.EnsureSuccessStatusCode();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>To the first chunk that holds text; the rest is read too.</summary>
    private static async Task<double> FirstAsync(HttpClient client, JsonObject body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _chat) { Content = JsonContent.Create(body) };
        var start = Stopwatch.GetTimestamp();
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        double? first = null;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (first is null && line.Contains("\"content\":", StringComparison.Ordinal) && !line.Contains("\"content\":\"\"", StringComparison.Ordinal))
            {
                first = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }

        return first ?? Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>Engine and scorers without HTTP, selection or log.</summary>
    private sealed class Bare : IDisposable
    {
        private readonly LoadedPolicy _policy;
        private readonly Scorecards _scorecards;
        private readonly int _candidates;

        public Bare(string models, string policy, int candidates)
        {
            var store = new ModelStore(models, TimeProvider.System);
            _policy = LoadedPolicy.Load(store.Find(policy), new OnnxOptions { Threads = 1 }, new InferenceOptions { Precision = Precision.Int8, PrefixCacheTokens = 0 });
            _scorecards = new Scorecards(Options.Create(new ScoringOptions { Threads = 1 }), Options.Create(new OnnxOptions()), store);
            _scorecards.Load();
            _candidates = candidates;
        }

        /// <summary>CPU milliseconds of the scored group; milliseconds to the first text of one stream.</summary>
        public async Task<(double Cpu, double First)> RunAsync(string description, CancellationToken cancellationToken)
        {
            var prompt = _policy.Tokenizer.Encode(_policy.Tokenizer.ApplyChatTemplate([new("user", description)]));
            var sampling = new SamplingParameters { Temperature = 0.7f, TopP = 0.95f, MaxTokens = MaxTokens, Seed = 7 };
            var cpu = Environment.CpuUsage.TotalTime;
            var scores = new System.Collections.Concurrent.ConcurrentDictionary<string, Task<Score>>();
            await _policy.Engine.SampleAsync(
                new SampleRequest(prompt, sampling, _candidates),
                candidate => scores.GetOrAdd(candidate.Text, text => _scorecards.Default.ScoreAsync(description, text, cancellationToken)),
                cancellationToken);
            await Task.WhenAll(scores.Values);
            var used = (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds;

            var start = Stopwatch.GetTimestamp();
            double? first = null;
            await foreach (var step in _policy.Engine.StreamAsync(new SampleRequest(prompt, sampling, 1), cancellationToken))
            {
                if (step.Text.Length > 0)
                {
                    first ??= Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                }
            }

            return (used, first ?? Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        public void Dispose()
        {
            _scorecards.Dispose();
            _policy.Dispose();
        }
    }
}
