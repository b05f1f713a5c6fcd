using System.Collections.ObjectModel;

namespace Serving.Episodes;

/// <summary>One request with all its candidates, as stored. Immutable.</summary>
public sealed record Episode
{
    /// <summary>The response's id ("chatcmpl-...").</summary>
    public required string Id { get; init; }

    /// <summary>Stored as UTC, to the tick.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>"name@version" of the policy that answered, and its content digest.</summary>
    public required string Policy { get; init; }

    public required string PolicyDigest { get; init; }

    public required string Scorecard { get; init; }

    public required string ScorecardDigest { get; init; }

    /// <summary>What the scorers saw as the source (the user's text), not the templated prompt.</summary>
    public required string Source { get; init; }

    /// <summary>The templated prompt as text and as the ids that were prefilled.</summary>
    public required string Prompt { get; init; }

    public required int[] PromptTokens { get; init; }

    public required ulong Seed { get; init; }

    public required float Temperature { get; init; }

    public required int TopK { get; init; }

    public required float TopP { get; init; }

    public float MinP { get; init; }

    public float RepetitionPenalty { get; init; } = 1;

    public float PresencePenalty { get; init; }

    public float FrequencyPenalty { get; init; }

    /// <summary>Whether the request changed the logits of some tokens.</summary>
    public bool HasLogitBias { get; init; }

    public bool IgnoreEos { get; init; }

    /// <summary>Longest answer that the request allowed, in tokens; 0 = not recorded.</summary>
    public int MaxTokens { get; init; }

    /// <summary>"text", "json_object" or "json_schema"; empty = not recorded.</summary>
    public string ResponseFormat { get; init; } = "";

    /// <summary>The request's trace, 32 hex digits; empty for one without.</summary>
    public string TraceId { get; init; } = "";

    /// <summary>By what the request is known should it come again (docs/http.md, "Repeated requests"), 64 hex digits; empty for one that cannot be known.</summary>
    public string RequestDigest { get; init; } = "";

    /// <summary>Index of the answer that went out.</summary>
    public required int Chosen { get; init; }

    /// <summary>True when the candidates are N independent draws (no early stop): only such groups feed quantiles.</summary>
    public required bool Independent { get; init; }

    /// <summary>At least one; all with the same scorers in the same order.</summary>
    public required IReadOnlyList<EpisodeCandidate> Candidates { get; init; }

    /// <summary>The experiment and arm that the request belonged to, or empty.</summary>
    public string Experiment { get; init; } = "";

    /// <summary>True for an episode that was broken off: readers normally skip it.</summary>
    public bool Invalid { get; init; }

    /// <summary>What the client wanted kept with its request ("metadata" of the API).</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = ReadOnlyDictionary<string, string>.Empty;
}

/// <summary>One candidate as stored. Immutable.</summary>
public sealed record EpisodeCandidate
{
    public required string Text { get; init; }

    public required int[] Tokens { get; init; }

    /// <summary>Raw model log-probs, one per token.</summary>
    public required float[] LogProbs { get; init; }

    /// <summary>Log-probs under the sampling distribution, one per token.</summary>
    public required float[] SampledLogProbs { get; init; }

    /// <summary>True for an end token or stop string, false when cut by the limit.</summary>
    public required bool Finished { get; init; }

    /// <summary>Scorecard total.</summary>
    public required double Total { get; init; }

    /// <summary>One value per scorer, in the scorecard's order.</summary>
    public required IReadOnlyList<KeyValuePair<string, float>> Scores { get; init; }
}
