using Serving.Inference;
using Serving.Scoring;
using Serving.Trainer.Data;

namespace Serving.Trainer.Loop;

/// <summary>Scores one answer beside others to the same prompt; <see cref="CandidateScorer"/> in a real run.</summary>
public delegate Task<Score> AnswerScorer(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken);

/// <summary>An answer and its score.</summary>
public sealed record ScoredAnswer(Candidate Candidate, Score Score);

/// <summary>Answers many prompts through an engine and scores them while others still decode.</summary>
internal static class Sampling
{
    /// <summary>Prompts under way at a time: enough to fill an engine's slots, few enough for its admission queue.</summary>
    private const int InFlight = 64;

    /// <summary>
    /// Scored answers of every prompt, in order. Blocks the calling thread, which trains and has nothing else to do; must not run inside a dispose scope
    /// that another thread's tensors could fall into (there are none: the engine is not torch).
    /// </summary>
    /// <param name="policy">Answers.</param>
    /// <param name="prompts">Each with its own seed.</param>
    /// <param name="sampling">Everything but the seed.</param>
    /// <param name="candidates">Answers per prompt.</param>
    public static ScoredAnswer[][] Answer(
        LoadedPolicy policy,
        IReadOnlyList<(PromptText Prompt, ulong Seed)> prompts,
        SamplingParameters sampling,
        int candidates,
        AnswerScorer score,
        CancellationToken cancellationToken) =>
        ForEach(
            policy,
            prompts,
            sampling,
            candidates,
            (prompt, drawn, token) => Task.WhenAll(drawn.Select(async candidate =>
                new ScoredAnswer(candidate, await score(prompt.Source, candidate.Text, prompt.Answers, token)))),
            cancellationToken);

    /// <summary>The same without scores.</summary>
    public static Candidate[][] Answer(
        LoadedPolicy policy, IReadOnlyList<(PromptText Prompt, ulong Seed)> prompts, SamplingParameters sampling, int candidates, CancellationToken cancellationToken) =>
        ForEach(policy, prompts, sampling, candidates, (_, drawn, _) => Task.FromResult(drawn), cancellationToken);

    private static T[] ForEach<T>(
        LoadedPolicy policy,
        IReadOnlyList<(PromptText Prompt, ulong Seed)> prompts,
        SamplingParameters sampling,
        int candidates,
        Func<PromptText, Candidate[], CancellationToken, Task<T>> use,
        CancellationToken cancellationToken)
    {
        var answers = new T[prompts.Count];
        Parallel.ForEachAsync(
            Enumerable.Range(0, prompts.Count),
            new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                var (prompt, seed) = prompts[i];
                var request = new SampleRequest(prompt.Tokens, sampling with { Seed = seed }, candidates);
                answers[i] = await use(prompt, await policy.Engine.SampleAsync(request, null, token), token);
            }).GetAwaiter().GetResult();
        return answers;
    }
}
