using Serving.Inference;
using Serving.Scoring;
using Serving.Trainer.Data;

namespace Serving.Trainer.Loop;

/// <summary>Scores one answer beside others to the same prompt; <see cref="CandidateScorer"/> in a real run.</summary>
public delegate Task<Score> AnswerScorer(string source, string answer, IReadOnlyList<string> others, CancellationToken cancellationToken);

/// <summary>An answer and its score.</summary>
public sealed record ScoredAnswer(Candidate Candidate, Score Score);

/// <summary>Answers many prompts through an engine, then scores the answers: all of them wait for a scorer at once, so its batches are full and of one length.</summary>
internal static class Sampling
{
    /// <summary>Prompts under way at a time: enough to fill an engine's slots, few enough for its admission queue.</summary>
    private const int InFlight = 64;

    /// <summary>Scored answers of every prompt, in order. Blocks the calling thread, which trains and has nothing else to do.</summary>
    /// <param name="policy">Answers.</param>
    /// <param name="prompts">Each with its own seed.</param>
    /// <param name="sampling">Everything but the seed.</param>
    /// <param name="candidates">Answers per prompt, one group with one computation of the prompt.</param>
    public static ScoredAnswer[][] Answer(
        LoadedPolicy policy,
        IReadOnlyList<(PromptText Prompt, ulong Seed)> prompts,
        SamplingParameters sampling,
        int candidates,
        AnswerScorer score,
        CancellationToken cancellationToken) =>
        Score(prompts, Draw(policy, prompts, sampling, candidates, cancellationToken), score, cancellationToken);

    /// <summary>Answers without scores; blocks like <see cref="Answer"/>.</summary>
    public static Candidate[][] Draw(
        LoadedPolicy policy, IReadOnlyList<(PromptText Prompt, ulong Seed)> prompts, SamplingParameters sampling, int candidates, CancellationToken cancellationToken)
    {
        var answers = new Candidate[prompts.Count][];
        Parallel.ForEachAsync(
            Enumerable.Range(0, prompts.Count),
            new ParallelOptions { MaxDegreeOfParallelism = InFlight, CancellationToken = cancellationToken },
            async (i, token) =>
            {
                var (prompt, seed) = prompts[i];
                answers[i] = await policy.Engine.SampleAsync(new SampleRequest(prompt.Tokens, sampling with { Seed = seed }, candidates), null, token);
            }).GetAwaiter().GetResult();
        return answers;
    }

    /// <summary>Scores of answers that were drawn for these prompts; blocks like <see cref="Answer"/>.</summary>
    public static ScoredAnswer[][] Score(
        IReadOnlyList<(PromptText Prompt, ulong Seed)> prompts, Candidate[][] answers, AnswerScorer score, CancellationToken cancellationToken) =>
        Task.WhenAll(answers.Select((drawn, i) => Task.WhenAll(drawn.Select(async candidate =>
            new ScoredAnswer(candidate, await score(prompts[i].Prompt.Source, candidate.Text, prompts[i].Prompt.Answers, cancellationToken)))))).GetAwaiter().GetResult();
}
