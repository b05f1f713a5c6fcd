using Serving.Episodes;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Serving.Trainer.Loop;

namespace Serving.Benchmarks.Replay;

/// <summary>Draws, learns and publishes, version after version, all in a temporary folder. The reward is the number of letters in an answer of at most eight tokens.</summary>
/// <param name="versions">After the first one.</param>
/// <param name="steps">Per version.</param>
/// <param name="rate">Learning rate.</param>
internal sealed class VersionChain(int versions, int steps, double rate)
{
    private const int Prompts = 48;
    private const int Candidates = 8;
    private const int Judged = 256;
    private const int MaxTokens = 8;

    private static readonly OnnxOptions _onnx = new() { Threads = 1 };
    private static readonly InferenceOptions _inference = new();

    /// <summary>Mean reward of one answer per prompt after some versions.</summary>
    /// <param name="count">Versions to learn, from 0.</param>
    /// <param name="age">Versions between the policy that learns and the one that drew.</param>
    /// <param name="set">What is compared.</param>
    /// <param name="seed">Of the first weights, the draws and the training.</param>
    public double Reward(int count, int age, Action<TrainerOptions> set, ulong seed)
    {
        using var folder = new TemporaryFolder();
        var store = new ModelStore(folder.File("models"), TimeProvider.System);
        var policy = TinyPolicy.Publish(store, "policy", TinyPolicy.Config with { HiddenSize = 32, Heads = 2, KeyValueHeads = 1, IntermediateSize = 64 }, (int)seed);
        for (var version = 1; version <= Math.Min(count, versions); version++)
        {
            Draw(policy, folder.File($"log-{version}"), seed).GetAwaiter().GetResult();
            policy = Learn(store, policy, folder.File($"log-{Math.Max(1, version - age)}"), folder.File($"run-{version}"), set, seed + (1000UL * (ulong)version));
        }

        using var loaded = LoadedPolicy.Load(policy, _onnx, _inference);
        return Answers(loaded, Judged, 1, seed + 1_000_003).GetAwaiter().GetResult().Average(answers => answers[0].Text.Count(char.IsAsciiLetter));
    }

    private ModelFolder Learn(ModelStore store, ModelFolder start, string log, string run, Action<TrainerOptions> set, ulong seed)
    {
        var options = new TrainerOptions
        {
            Recipe = "off-policy",
            Steps = steps,
            LearningRate = rate,
            WarmUpSteps = 0,
            FinalRate = 1,
            RoundSteps = steps,
            EvaluationPrompts = 0,
            LogEvery = steps,
            Threads = 1,
            BFloat16 = false,
            OffPolicy = { KlWeight = 0 },
            Replay = { MaxStaleness = 1_000_000 },
        };
        set(options);
        var console = Console.Out;
        try
        {
            Console.SetOut(TextWriter.Null);
            using var result = new TrainingLoop(
                options, new TrainingRun { Start = start, Episodes = log, Folder = run, Seed = seed }, Letters, _onnx, _inference, TimeProvider.System).Run(CancellationToken.None);
            return PolicyPublisher.Publish(store, "policy", result.Policy, start, [], []);
        }
        finally
        {
            Console.SetOut(console);
        }
    }

    private static async Task Draw(ModelFolder policy, string root, ulong seed)
    {
        using var loaded = LoadedPolicy.Load(policy, _onnx, _inference);
        await using var log = new EpisodeLog(new EpisodeOptions { Root = root });
        var drawn = await Answers(loaded, Prompts, Candidates, seed);
        await Task.WhenAll(drawn.Select((answers, i) =>
        {
            var totals = answers.Select(answer => (double)answer.Text.Count(char.IsAsciiLetter)).ToArray();
            return log.AppendAsync(
                new Episode
                {
                    Id = $"{policy.Id}-{i}",
                    Created = DateTimeOffset.UnixEpoch,
                    Policy = policy.Id,
                    PolicyDigest = policy.Manifest.Digest,
                    Scorecard = "letters",
                    ScorecardDigest = "sha256:0",
                    Source = Source(i),
                    Prompt = Prompt(i),
                    PromptTokens = loaded.Tokenizer.Encode(Prompt(i)),
                    Seed = seed,
                    Temperature = 1,
                    TopK = 0,
                    TopP = 1,
                    Chosen = Array.IndexOf(totals, totals.Max()),
                    Independent = true,
                    Candidates = [.. answers.Select((answer, c) => new EpisodeCandidate
                    {
                        Text = answer.Text,
                        Tokens = answer.Tokens,
                        LogProbs = answer.LogProbs,
                        SampledLogProbs = answer.SampledLogProbs,
                        Finished = answer.FinishReason == FinishReason.Stop,
                        Total = totals[c],
                        Scores = [],
                    })],
                },
                CancellationToken.None);
        }));
    }

    private static Task<Candidate[][]> Answers(LoadedPolicy policy, int prompts, int candidates, ulong seed) => Task.WhenAll(Enumerable.Range(0, prompts).Select(prompt =>
    {
        var sampling = new SamplingParameters { MaxTokens = MaxTokens, Seed = (seed * 1_000_000) + (ulong)prompt };
        return policy.Engine.SampleAsync(new SampleRequest(policy.Tokenizer.Encode(Prompt(prompt)), sampling, candidates), null, CancellationToken.None);
    }));

    private static string Source(int i) => $"package number {i} reads {i * 7 % 13} archives";

    private static string Prompt(int i) => $"<s>{Source(i)}<sum>";

    private static Task<Score> Letters(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken) =>
        Task.FromResult(new Score(answer.Count(char.IsAsciiLetter), []));
}
