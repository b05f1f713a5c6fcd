namespace Serving.Inference;

/// <summary>N candidates of one prompt. Immutable.</summary>
/// <param name="Prompt">Token ids, at least one.</param>
/// <param name="Candidates">How many; they share one prefill.</param>
/// <param name="FirstCandidate">Index of the first one: candidate k of a group equals a lone request with FirstCandidate = k.</param>
public sealed record SampleRequest(int[] Prompt, SamplingParameters Sampling, int Candidates = 1, int FirstCandidate = 0)
{
    /// <summary>Longest time from now to the last candidate; the request then fails with <see cref="DeadlineExceededException"/>. None = no limit.</summary>
    public TimeSpan? Deadline { get; init; }
}

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-sequence token or a stop string.</summary>
    Stop,

    /// <summary>The token limit or the end of the context.</summary>
    Length,
}

/// <summary>One finished answer. Immutable.</summary>
/// <param name="Index">Its number within the request, from 0.</param>
/// <param name="Tokens">Sampled ids, a final end-of-sequence token included.</param>
/// <param name="LogProbs">log p(token) under the model: softmax of the raw logits, temperature 1.</param>
/// <param name="SampledLogProbs">log p(token) under the distribution actually drawn from (after penalties, grammar, temperature, top-k, top-p, min-p).</param>
/// <param name="Text">Decoded text, cut before a stop string.</param>
public sealed record Candidate(int Index, int[] Tokens, float[] LogProbs, float[] SampledLogProbs, string Text, FinishReason FinishReason)
{
    /// <summary>The most probable tokens of each position under the model, best first; empty unless asked for.</summary>
    public IReadOnlyList<TokenLogProb[]> TopLogProbs { get; init; } = [];

    /// <summary>When its first and its last token were drawn.</summary>
    public CandidateTimes Times { get; init; }

    /// <summary>Whether the text is what the request's grammar asks for; false when a limit or a stop string has cut it off. True without a grammar.</summary>
    public bool Whole { get; init; } = true;

    /// <summary>Tokens of the prompt whose keys and values the prefix cache had, so that they were not run again.</summary>
    public int CachedTokens { get; init; }
}

/// <summary>One step of a streamed answer.</summary>
/// <param name="Text">Text that became complete (may be empty).</param>
/// <param name="Finished">The whole candidate, with the last event only.</param>
/// <param name="Token">The id that was sampled.</param>
/// <param name="LogProb">Its log-probability under the model.</param>
/// <param name="SampledLogProb">Its log-probability under the distribution drawn from.</param>
public sealed record TokenEvent(string Text, Candidate? Finished, int Token, float LogProb, float SampledLogProb)
{
    /// <summary>The most probable tokens of its position under the model, best first; empty unless asked for.</summary>
    public IReadOnlyList<TokenLogProb> TopLogProbs { get; init; } = [];
}
