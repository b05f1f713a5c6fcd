namespace Serving.Scoring;

/// <summary>Scores answers against their source text. Implementations are thread-safe and deterministic whatever is scored beside.</summary>
public interface ITextScorer
{
    /// <summary>Key of this score in answers and episodes ("reward", "entailment", "style").</summary>
    string Name { get; }

    /// <summary>Content digest of the model or of the rule and its settings.</summary>
    string Digest { get; }

    /// <summary>One score per answer, higher is better.</summary>
    /// <exception cref="ScorerException">The scorer failed; nothing is made up in its place.</exception>
    Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken);

    /// <summary>Whether a score costs a run of a model, which traces show; a rule costs next to nothing.</summary>
    bool RunsModel => true;
}

/// <summary>A scorer failed; the request fails, never a random pick.</summary>
public sealed class ScorerException(string scorer, Exception inner) : Exception($"Scorer \"{scorer}\" failed: {inner.Message}", inner);
