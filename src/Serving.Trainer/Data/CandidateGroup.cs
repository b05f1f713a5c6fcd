namespace Serving.Trainer.Data;

/// <summary>Which policy an answer was drawn from.</summary>
public enum CandidateSource
{
    /// <summary>The policy that served it, as logged.</summary>
    Logged,

    /// <summary>The policy under training, at its last refresh.</summary>
    Policy,

    /// <summary>The moving anchor, at its last refresh.</summary>
    Anchor,
}

/// <summary>One scored answer. Immutable.</summary>
/// <param name="Tokens">Ids of the answer, its end token included, at least one.</param>
/// <param name="SampledLogProb">log mu(y): the sum over its tokens under the distribution drawn from.</param>
/// <param name="Reward">Scorecard total.</param>
/// <param name="TieKey">Orders equal rewards at random, the same way in every run.</param>
/// <param name="Source">Where it comes from.</param>
public sealed record GroupCandidate(int[] Tokens, double SampledLogProb, double Reward, ulong TieKey, CandidateSource Source)
{
    /// <summary>What a stored teacher said of it; null without one.</summary>
    public TeacherTokens? Teacher { get; init; }

    /// <summary>Mean log-probability that the source entails its sentences, where a scorecard with entailment scored it.</summary>
    public double? Entailment { get; init; }

    /// <summary>log mu of every token under the distribution drawn from; empty where nothing asks for it. They sum to <see cref="SampledLogProb"/>.</summary>
    public float[] TokenLogProbs { get; init; } = [];

    /// <summary>True when this one ranks strictly above: a higher reward, or an equal one and the higher key.</summary>
    public bool IsBetterThan(GroupCandidate other) => Reward > other.Reward || (Reward == other.Reward && TieKey > other.TieKey);
}

/// <summary>One prompt with its scored answers. Immutable.</summary>
public sealed record CandidateGroup
{
    /// <summary>Episode that it was read from.</summary>
    public required string Id { get; init; }

    /// <summary>What scorers see as the source of an answer.</summary>
    public required string Source { get; init; }

    /// <summary>The policy that drew the logged answers; null when the episode does not name a version.</summary>
    public PolicyVersion? DrawnBy { get; init; }

    /// <summary>How replay came to hand it out.</summary>
    public ReplayDraw Draw { get; init; } = ReplayDraw.Fresh;

    /// <summary>Token ids of the prompt, at least one.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>The logged answers to the prompt as texts: what a fresh answer has to agree with.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [];

    public required IReadOnlyList<GroupCandidate> Candidates { get; init; }

    /// <summary>
    /// True when the candidates are independent draws of one distribution. Only such groups have quantiles: an answer that was stopped early,
    /// or chosen before it was logged, is distributed differently.
    /// </summary>
    public required bool Independent { get; init; }

    /// <summary>What was asked, to be answered again.</summary>
    public PromptText Asked => new(Source, Prompt, Answers);

    /// <summary>Candidates with a strict rank among at least one other.</summary>
    public bool HasQuantiles => Independent && Candidates.Count > 1;

    /// <summary>How many candidates rank strictly above candidate <paramref name="index"/>.</summary>
    public int Better(int index) => Candidates.Count(other => other.IsBetterThan(Candidates[index]));
}
