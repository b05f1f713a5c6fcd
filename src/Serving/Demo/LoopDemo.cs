using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Serving.Experiments;
using Serving.Models;
using Serving.Tokenization;
using Serving.Training;

namespace Serving.Demo;

/// <summary>
/// The whole loop once, with real processes: start a server on a copy of the registry, log Best-of-N traffic, distil it and publish the result, see the server compare it with Best-of-N on
/// prompts that it has not learnt from, decide, and answer by it.
/// </summary>
internal sealed class LoopDemo(DemoOptions options, DemoScreen screen, TimeProvider time)
{
    private const int RequestsInFlight = 4;
    private const string Distilled = "student";
    private const string ServerLog = "server.log";

    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(60);

    private readonly ModelStore _store = new(Path.Combine(options.Work, "models"), time);

    public async Task<DemoReport> RunAsync(CancellationToken cancellationToken)
    {
        var prompts = Prompts();
        CopyRegistry();
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        using var server = StartServer(address);
        using var client = new ServerClient(address);
        await WaitUntilReadyAsync(server, client, cancellationToken);

        var before = await MeasureAsync("Measure the distilled policy, one sample", client, "distilled", 1, prompts.Measured, cancellationToken);
        var bestOfN = await MeasureAsync($"Measure Best-of-{options.Candidates} on the anchor", client, "best-of-n", options.Candidates, prompts.Measured, cancellationToken);
        await LogTrafficAsync(client, prompts.Traffic, cancellationToken);
        var candidate = await TrainAsync(cancellationToken);
        await WaitForCandidateAsync(client, candidate, cancellationToken);
        var decision = await CompareAsync(client, candidate, prompts.Compared, cancellationToken);
        var (auto, swapSeconds) = decision?.Kind == DecisionKind.Promote
            ? await AskAutoAsync(client, candidate, decision, prompts.Measured, cancellationToken)
            : ([], null);
        var after = await MeasureAsync($"Measure {candidate}, one sample", client, candidate, 1, prompts.Measured, cancellationToken);

        return new DemoReport
        {
            Origin = prompts.Origin,
            Logged = options.Requests,
            Measured = prompts.Measured.Count,
            PolicyBefore = before[0].Policy,
            PolicyAfter = after[0].Policy,
            Before = BootstrapInterval.Of([.. before.Select(answer => answer.Total)]),
            After = BootstrapInterval.Of([.. after.Select(answer => answer.Total)]),
            BestOfN = BootstrapInterval.Of([.. bestOfN.Select(answer => answer.Total)]),
            Gain = BootstrapInterval.Of([.. after.Zip(before, (a, b) => a.Total - b.Total)]),
            TokensPerAnswer = after.Average(answer => answer.Tokens),
            TokensPerBestOfN = bestOfN.Average(answer => answer.Tokens),
            Compared = PairLog.Read(Experiments, candidate).Count,
            Decision = decision?.Kind.ToString() ?? "none",
            Reason = decision?.Reason ?? "The prompts were used up before anything could be decided.",
            AutoByCandidate = auto.Count(answer => answer.Policy == candidate),
            AutoAnswers = auto.Count,
            SecondsFromDecisionToFirstAnswer = swapSeconds,
            Examples = [.. prompts.Measured.Take(5).Select((prompt, i) => new DemoExample(prompt, before[i].Text, after[i].Text, bestOfN[i].Text))],
        };
    }

    private string Experiments => Path.Combine(options.Work, "experiments");

    private string Episodes => Path.Combine(options.Work, "episodes");

    private string Margin => options.Margin.ToString(CultureInfo.InvariantCulture);

    private ChildProcess StartServer(Uri address) => ChildProcess.Start(
        options.Server,
        [
            "serve", "--Urls", address.ToString(), "--Models:Root", _store.Root, "--Episodes:Root", Episodes, "--Models:PollInterval", "00:00:00.2",
            "--Generation:Candidates", $"{options.Candidates}",
            "--Experiments:Root", Experiments, "--Experiments:Gate", "Automatic", "--Experiments:ShadowShare", "1",
            "--Experiments:Margin", Margin, "--Experiments:Guardrails:Support", Margin, "--Experiments:Guardrails:Contradiction", Margin,
            "--Trainer:Mode", "External",                              // the demo starts the trainer itself, to show its progress
        ],
        new Dictionary<string, string>(),
        Path.Combine(options.Work, ServerLog));

    /// <summary>
    /// Nothing is compared or measured on that was trained on: with one source of prompts, every fourth is for measuring until there are enough, and of the others every second for comparing.
    /// </summary>
    private (IReadOnlyList<string> Traffic, IReadOnlyList<string> Compared, IReadOnlyList<string> Measured, string Origin) Prompts()
    {
        var tokenizer = TextTokenizer.Load(new ModelStore(options.Models, time).Find("anchor").Path);
        var (descriptions, origin) = DemoPrompts.Load(options.Prompts, tokenizer);
        if (options.Evaluation is not null)
        {
            var evaluation = DemoPrompts.Load(options.Evaluation, tokenizer).Descriptions;
            var some = Spread(evaluation, options.Measured);
            return (Spread(descriptions, options.Requests), [.. evaluation.Except(some)], some, origin);
        }

        var measured = descriptions.Where((_, i) => i % 4 == 3).Take(options.Measured).ToArray();
        var others = descriptions.Except(measured).ToArray();
        return (Spread([.. others.Where((_, i) => i % 2 == 0)], options.Requests), [.. others.Where((_, i) => i % 2 == 1)], measured, origin);
    }

    private static IReadOnlyList<string> Spread(IReadOnlyList<string> all, int most) =>
        all.Count <= most ? all : [.. Enumerable.Range(0, most).Select(i => all[(int)((long)i * all.Count / most)])];

    private void CopyRegistry()
    {
        foreach (var file in Directory.EnumerateFiles(options.Models, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_store.Root, Path.GetRelativePath(options.Models, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
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

    /// <summary>Trains on the log and publishes; the version's id.</summary>
    private async Task<string> TrainAsync(CancellationToken cancellationToken)
    {
        await screen.StepAsync("Distil the log (bond), publish", options.Steps, async progress =>
        {
            using var trainer = StartTrainer();
            var ended = trainer.WaitAsync(cancellationToken);
            for (var shown = 0; !ended.IsCompleted;)
            {
                await Task.WhenAny(ended, Task.Delay(TimeSpan.FromMilliseconds(500), time, cancellationToken));
                for (var step = StepOf(trainer.LastLine); shown < step; shown++)
                {
                    progress();
                }
            }

            if (await ended != 0)
            {
                throw new DemoException($"The trainer ended with an error: {trainer.LastLine} (all of it: {trainer.LogPath})");
            }
        });
        return _store.Latest(Distilled)!.Id;
    }

    private ChildProcess StartTrainer() => ChildProcess.Start(
        options.Trainer,
        [
            "run", "--recipe", "bond", "--episodes", Episodes, "--models", _store.Root, "--start", "anchor", "--steps", $"{options.Steps}",
            "--run", Path.Combine(options.Work, "run"), "--seed", $"{options.Seed}", "--publish-as", Distilled,
            "--limit", "0",                                                                          // the demo measures for itself
            "--set", string.Create(CultureInfo.InvariantCulture, $"Trainer:Temperature={ServerClient.Temperature}"),
            "--set", "Trainer:GroupsPerStep=16", "--set", "Trainer:LogEvery=1",
        ],
        new Dictionary<string, string>(),
        Path.Combine(options.Work, "trainer.log"));

    /// <summary>The k of a line "step k/n ..."; 0 of any other.</summary>
    private static int StepOf(string line) =>
        line.StartsWith("step ", StringComparison.Ordinal) && int.TryParse(line.AsSpan(5, Math.Max(0, line.IndexOf('/', StringComparison.Ordinal) - 5)), out var step) ? step : 0;

    private Task WaitForCandidateAsync(ServerClient client, string candidate, CancellationToken cancellationToken) =>
        screen.StepAsync($"The server loads {candidate} beside what it serves", 1, async progress =>
        {
            var begun = time.GetTimestamp();
            while (!await client.KnowsAsync(candidate, cancellationToken))
            {
                if (time.GetElapsedTime(begun) > _longestWait)
                {
                    throw new DemoException($"The server does not take {candidate}; its log says why: {Path.Combine(options.Work, ServerLog)}");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
            }

            progress();
        });

    /// <summary>
    /// Sends prompts, drawn with replacement, to Best-of-N; the server has each answered by the candidate too, and decides by itself. Null = the prompts of the demo are used up.
    /// </summary>
    private async Task<Decision?> CompareAsync(ServerClient client, string candidate, IReadOnlyList<string> prompts, CancellationToken cancellationToken)
    {
        var decisions = new DecisionLog(_store, time);
        var random = new Random(options.Seed);
        Decision? decision = null;
        await screen.StepAsync($"Compare it with Best-of-{options.Candidates}, behind every answer", options.MostPairs, async progress =>
        {
            for (var i = 0; i < options.MostPairs && decision is null; i++)
            {
                await client.AskAsync("best-of-n", prompts[random.Next(prompts.Count)], options.Candidates, 2_000_000 + options.Seed + i, store: true, cancellationToken);
                decision = decisions.Read(Distilled).Decisions.LastOrDefault(decided => candidate == $"{Distilled}@{decided.Version}");
                progress();
            }
        });
        return decision;
    }

    /// <summary>What users meet after a promotion: "auto" is the candidate for nearly everybody.</summary>
    private async Task<(IReadOnlyList<DemoAnswer> Answers, double? SwapSeconds)> AskAutoAsync(
        ServerClient client, string candidate, Decision decision, IReadOnlyList<string> prompts, CancellationToken cancellationToken)
    {
        var answers = new List<DemoAnswer>();
        double? seconds = null;
        await screen.StepAsync("Ask \"auto\"", prompts.Count, async progress =>
        {
            foreach (var prompt in prompts)
            {
                var answer = await client.AskAutoAsync(prompt, cancellationToken);
                seconds ??= answer.Policy == candidate ? (time.GetUtcNow() - decision.Time).TotalSeconds : null;
                answers.Add(answer);
                progress();
            }
        });
        return (answers, seconds);
    }

    private static ParallelOptions Parallelism(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = RequestsInFlight, CancellationToken = cancellationToken };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
