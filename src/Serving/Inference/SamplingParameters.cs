using System.Collections.Frozen;
using Serving.Grammar;

namespace Serving.Inference;

/// <summary>How the next token is drawn. Immutable.</summary>
public sealed record SamplingParameters
{
    /// <summary>0 = greedy.</summary>
    public float Temperature { get; init; } = 1f;

    /// <summary>Keep the k most probable tokens; 0 = all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep the smallest set of tokens with at least this probability; 1 = all.</summary>
    public float TopP { get; init; } = 1f;

    /// <summary>Keep the tokens with at least this share of the most probable one's probability, after top-k and top-p; 0 = all (arXiv:2407.01082).</summary>
    public float MinP { get; init; }

    /// <summary>
    /// Divides the logit of every token of prompt and answer so far by this when it is positive, and multiplies when negative; 1 = off
    /// (arXiv:1909.05858).
    /// </summary>
    public float RepetitionPenalty { get; init; } = 1f;

    /// <summary>Subtracted from the logit of every token that the answer contains already; 0 = off.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Subtracted from a token's logit for each time that the answer contains it already; 0 = off.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Added to the logits of some tokens, by id; minus infinity rules a token out.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = FrozenDictionary<int, float>.Empty;

    /// <summary>How many of the most probable tokens to report for each position, with their log-probs under the model; 0 = none, 20 at most.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Longest answer in tokens.</summary>
    public int MaxTokens { get; init; } = 64;

    /// <summary>Draws depend on (seed, candidate index, position) only.</summary>
    public ulong Seed { get; init; }

    /// <summary>Do not stop at an end-of-sequence token (it is then an ordinary token).</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Strings that end an answer; the answer is cut before them.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>
    /// What an answer must be; null = anything. Tokens that would break it are never drawn, and an answer that has become whole ends. As long as the token
    /// limit allows it, an answer is finished before the limit.
    /// </summary>
    public JsonGrammar? Grammar { get; init; }

    /// <summary>Temperature, top-k and top-p alone shape the draws: what an episode records of them.</summary>
    public bool IsPlain => !Adjusts && MinP == 0 && Grammar is null && !IgnoreEos && Stop.Count == 0;

    /// <summary>Whether logits are changed before a token is drawn.</summary>
    internal bool Adjusts => RepetitionPenalty != 1f || PresencePenalty != 0f || FrequencyPenalty != 0f || LogitBias.Count > 0;

    /// <summary>Whether a change of logits depends on what has been written.</summary>
    internal bool Penalises => RepetitionPenalty != 1f || PresencePenalty != 0f || FrequencyPenalty != 0f;
}
