using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Serving.Experiments;
using Serving.Models;
using Serving.Tokenization;
using Serving.Training;

namespace Serving.Demo;

/// <summary>
/// The whole loop once, with real processes: start a server on a copy of the registry, measure the distilled policy, log Best-of-N traffic,
/// train on it, see the server swap to the published version while requests run, measure again on the same prompts and seeds.
/// </summary>
internal sealed class LoopDemo(DemoOptions options, DemoScreen screen, TimeProvider time)
{
    private const int RequestsInFlight = 4;
    private const string ServerLog = "server.log";

    private static readonly TimeSpan _longestSwap = TimeSpan.FromSeconds(60);

    public async Task<DemoReport> RunAsync(CancellationToken cancellationToken)
    {
        var (traffic, measured, origin) = Prompts();
        var models = CopyRegistry();
        var episodes = Path.Combine(options.Work, "episodes");
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        using var server = ChildProcess.Start(
            options.Server,
            ["serve", "--Urls", address.ToString(), "--Models:Root", models, "--Episodes:Root", episodes, "--Models:PollInterval", "00:00:00.2", "--Trainer:Mode", "Off"],
            new Dictionary<string, string>(),
            Path.Combine(options.Work, ServerLog));
        using var client = new ServerClient(address);
        await WaitUntilReadyAsync(server, client, cancellationToken);

        var before = await MeasureAsync("Measure the distilled policy, one sample", client, "distilled", 1, measured, cancellationToken);
        var bestOfN = await MeasureAsync($"Measure Best-of-{options.Candidates} on the anchor", client, "best-of-n", options.Candidates, measured, cancellationToken);
        await LogTrafficAsync(client, traffic, cancellationToken);
        var (requests, failures, swapSeconds) = await TrainAndSwapAsync(client, models, episodes, traffic, cancellationToken);
        var after = await MeasureAsync("Measure the distilled policy again", client, "distilled", 1, measured, cancellationToken);

        return new DemoReport
        {
            Origin = origin,
            Logged = options.Requests,
            Measured = measured.Count,
            PolicyBefore = before[0].Policy,
            PolicyAfter = after[0].Policy,
            Before = BootstrapInterval.Of([.. before.Select(answer => answer.Total)]),
            After = BootstrapInterval.Of([.. after.Select(answer => answer.Total)]),
            BestOfN = BootstrapInterval.Of([.. bestOfN.Select(answer => answer.Total)]),
            Gain = BootstrapInterval.Of([.. after.Zip(before, (a, b) => a.Total - b.Total)]),
            TokensPerAnswer = after.Average(answer => answer.Tokens),
            TokensPerBestOfN = bestOfN.Average(answer => answer.Tokens),
            RequestsDuringTraining = requests,
            FailedRequests = failures,
            SecondsFromPublicationToFirstAnswer = swapSeconds,
            Examples = [.. measured.Take(5).Select((prompt, i) => new DemoExample(prompt, before[i].Text, after[i].Text, bestOfN[i].Text))],
        };
    }

    /// <summary>Traffic and measurement never share a prompt: with one source, every other description is for measuring until there are enough.</summary>
    private (IReadOnlyList<string> Traffic, IReadOnlyList<string> Measured, string Origin) Prompts()
    {
        var tokenizer = TextTokenizer.Load(new ModelStore(options.Models, time).Find("anchor").Path);
        var (descriptions, origin) = DemoPrompts.Load(options.Prompts, tokenizer);
        if (options.Evaluation is not null)
        {
            return (Spread(descriptions, options.Requests), Spread(DemoPrompts.Load(options.Evaluation, tokenizer).Descriptions, options.Measured), origin);
        }

        var measured = descriptions.Where((_, i) => i % 2 == 1).Take(options.Measured).ToArray();
        return (Spread([.. descriptions.Except(measured)], options.Requests), measured, origin);
    }

    private static IReadOnlyList<string> Spread(IReadOnlyList<string> all, int most) =>
        all.Count <= most ? all : [.. Enumerable.Range(0, most).Select(i => all[(int)((long)i * all.Count / most)])];

    private string CopyRegistry()
    {
        var target = Path.Combine(options.Work, "models");
        foreach (var file in Directory.EnumerateFiles(options.Models, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(options.Models, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }

    private async Task WaitUntilReadyAsync(ChildProcess server, ServerClient client, CancellationToken cancellationToken)
    {
        await screen.StepAsync("Start the server", 1, async progress =>
        {
            while (!await client.IsReadyAsync(cancellationToken))
            {
                if (server.HasExited)
                {
                    throw new DemoException($"The server ended: {server.LastLine} (all of it: {server.LogPath})");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken);
            }

            progress();
        });
    }

    private async Task<DemoAnswer[]> MeasureAsync(
        string title, ServerClient client, string model, int candidates, IReadOnlyList<string> prompts, CancellationToken cancellationToken)
    {
        var answers = new DemoAnswer[prompts.Count];
        await screen.StepAsync(title, prompts.Count, progress => Parallel.ForEachAsync(
            Enumerable.Range(0, prompts.Count),
            Parallelism(cancellationToken),
            async (i, token) =>
            {
                answers[i] = await client.AskAsync(model, prompts[i], candidates, options.Seed + i, store: false, token);
                progress();
            }));
        return answers;
    }

    private Task LogTrafficAsync(ServerClient client, IReadOnlyList<string> prompts, CancellationToken cancellationToken) =>
        screen.StepAsync($"Serve Best-of-{options.Candidates} requests", options.Requests, progress => Parallel.ForEachAsync(
            Enumerable.Range(0, options.Requests),
            Parallelism(cancellationToken),
            async (i, token) =>
            {
                await client.AskAsync("best-of-n", prompts[i % prompts.Count], options.Candidates, 1_000_000 + options.Seed + i, store: true, token);
                progress();
            }));

    /// <summary>Trains and publishes while requests go on; returns them, the failed ones, and how long the swap took.</summary>
    private async Task<(int Requests, int Failures, double SwapSeconds)> TrainAndSwapAsync(
        ServerClient client, string models, string episodes, IReadOnlyList<string> prompts, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var policies = new ConcurrentDictionary<string, DateTimeOffset>();
        var (requests, failures) = (0, 0);
        var traffic = Task.Run(
            async () =>
            {
                for (var i = 0; !stop.IsCancellationRequested; i++)
                {
                    Interlocked.Increment(ref requests);
                    try
                    {
                        var answer = await client.AskAsync("distilled", prompts[i % prompts.Count], 1, i, store: false, cancellationToken);
                        policies.TryAdd(answer.Policy, time.GetUtcNow());
                    }
                    catch (HttpRequestException)
                    {
                        Interlocked.Increment(ref failures);
                    }

                    await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
                }
            },
            cancellationToken);

        await screen.StepAsync("Train by BOND on the log, publish", options.Steps, async progress =>
        {
            using var trainer = StartTrainer(models, episodes);
            if (await trainer.WaitAsync(cancellationToken) != 0)
            {
                throw new DemoException($"The trainer ended with an error: {trainer.LastLine} (all of it: {trainer.LogPath})");
            }

            progress();
        });
        var published = new ModelStore(models, time).Latest("student")!;
        await screen.StepAsync("The server swaps while requests run", 1, async progress =>
        {
            var waiting = time.GetTimestamp();
            while (!policies.ContainsKey(published.Id))
            {
                if (traffic.IsCompleted || time.GetElapsedTime(waiting) > _longestSwap)
                {
                    throw new DemoException($"No answer came from {published.Id}; the server's log says why: {Path.Combine(options.Work, ServerLog)}");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken);
            }

            progress();
        });
        await stop.CancelAsync();
        await traffic;
        var committed = File.GetLastWriteTimeUtc(published.File(ModelFiles.Manifest));              // writing the manifest is the publication
        return (requests, failures, (policies[published.Id].UtcDateTime - committed).TotalSeconds);
    }

    private ChildProcess StartTrainer(string models, string episodes) => ChildProcess.Start(
        options.Trainer,
        [
            "run", "--recipe", "bond", "--episodes", episodes, "--models", models, "--start", "student", "--teacher", "anchor",
            "--steps", $"{options.Steps}", "--run", Path.Combine(options.Work, "run"), "--seed", $"{options.Seed}", "--publish-as", "student",
            "--limit", "0",                                                                          // the demo measures for itself
            "--set", string.Create(CultureInfo.InvariantCulture, $"Trainer:Temperature={ServerClient.Temperature}"),
        ],
        new Dictionary<string, string>(),
        Path.Combine(options.Work, "trainer.log"));

    private static ParallelOptions Parallelism(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = RequestsInFlight, CancellationToken = cancellationToken };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
