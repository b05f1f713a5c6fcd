using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "timeline": when the parts of a Best-of-16 answer begin and end, by the server's own spans, one request after another: what its latency is made of.
/// </summary>
internal static class TimelineBenchmark
{
    private const int Warm = 150;
    private const int Server = 2;              // kind of a span

    public static int Run(string[] args)
    {
        var models = new Option<string>("--models") { DefaultValueFactory = _ => "models" };
        var requests = new Option<int>("--requests") { DefaultValueFactory = _ => 200 };
        var set = new Option<string[]>("--set") { Description = "Settings of the server, --Section:Key=value.", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        var command = new RootCommand("Where the latency of Best-of-16 goes.") { models, requests, set };
        command.SetAction((parsed, cancellationToken) =>
            MeasureAsync(Path.GetFullPath(parsed.GetRequiredValue(models)), parsed.GetValue(requests), parsed.GetRequiredValue(set), cancellationToken));
        return command.Parse(args).Invoke();
    }

    private static async Task MeasureAsync(string models, int requests, string[] settings, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        await using var collector = await OtlpReceiver.StartAsync(cancellationToken);
        await using var server = await ServerProcess.StartAsync(
            models,
            folder.File("episodes"),
            new Dictionary<string, string> { ["OTEL_BSP_SCHEDULE_DELAY"] = "100" },
            cancellationToken,
            ["--Experiments:Gate=Off", "--Inference:PrefixCacheTokens=0", "--Scoring:Threads=1", $"--Observability:OtlpEndpoint={collector.Address}", .. settings]);
        await server.ReadyAsync(cancellationToken);
        using var client = server.CreateClient();
        var traces = new List<string>();
        var whole = new List<double>();
        foreach (var description in Descriptions.Take(Warm + requests))
        {
            var trace = ActivityTraceId.CreateRandom().ToString();
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/chat/completions", UriKind.Relative)) { Content = JsonContent.Create(Body(description)) };
            request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");
            var watch = Stopwatch.StartNew();
            using var response = await client.SendAsync(request, cancellationToken);
            response.EnsureSuccessStatusCode();
            traces.Add(trace);
            whole.Add(watch.Elapsed.TotalMilliseconds);
            await Task.Delay(5, cancellationToken);
        }

        await Task.Delay(500, cancellationToken);
        var spans = collector.All().ToLookup(span => span.TraceId);
        var moments = traces.Skip(Warm).SelectMany(trace => Moments([.. spans[trace]])).ToLookup(moment => moment.Name, moment => moment.Milliseconds);
        Console.WriteLine("| moment of a Best-of-16 answer | ms after the request began, median |");
        Console.WriteLine("| --- | --- |");
        foreach (var moment in moments)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {moment.Key} | {StepCost.Middle([.. moment]):f2} |"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| (the client has it, from its own request on) | {StepCost.Middle([.. whole.Skip(Warm)]):f2} |"));
    }

    private static IEnumerable<(string Name, double Milliseconds)> Moments(OtlpSpan[] spans)
    {
        var request = spans.Single(span => span.Kind == Server);
        OtlpSpan[] answers = [.. Named("sample")];
        yield return ("first tokens", At(answers.Min(span => span.Start)));
        yield return ("first answer ends", At(answers.Min(span => span.End)));
        yield return ("eighth answer ends", At(answers.Select(span => span.End).Order().ElementAt(7)));
        yield return ("last answer ends", At(answers.Max(span => span.End)));
        foreach (var scorer in Named("score").GroupBy(span => span.Name))
        {
            yield return ($"first {scorer.Key} ends", At(scorer.Min(span => span.End)));
            yield return ($"last {scorer.Key} ends", At(scorer.Max(span => span.End)));
        }

        yield return ("request ends", At(request.End));

        IEnumerable<OtlpSpan> Named(string name) => spans.Where(span => span.Name.StartsWith(name, StringComparison.Ordinal));

        double At(ulong time) => ((double)time - request.Start) / 1e6;
    }

    private static JsonObject Body(string description) => new()
    {
        ["model"] = "best-of-n",
        ["seed"] = 7,
        ["temperature"] = 0.7,
        ["top_p"] = 0.95,
        ["max_tokens"] = 32,
        ["best_of_n"] = new JsonObject { ["n"] = 16 },
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = description }),
    };
}
