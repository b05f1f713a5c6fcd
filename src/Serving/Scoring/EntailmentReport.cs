namespace Serving.Scoring;

/// <summary>What an entailment model says of one answer. Immutable.</summary>
/// <param name="Score">Mean over sentences of the log-probability of entailment: the scorer's value.</param>
/// <param name="Labels">The model's classes; the order of every probability list.</param>
/// <param name="Sentences">One verdict per sentence of the answer.</param>
public sealed record EntailmentReport(float Score, IReadOnlyList<string> Labels, IReadOnlyList<SentenceVerdict> Sentences)
{
    /// <summary>Mean over sentences of the probability of entailment.</summary>
    public float Mean => Sentences.Average(sentence => sentence.Entailment);

    /// <summary>The least supported sentence decides (for gates).</summary>
    public float Min => Sentences.Min(sentence => sentence.Entailment);
}

/// <summary>One sentence against the unit of the source that supports it most.</summary>
/// <param name="Sentence">Text of the sentence.</param>
/// <param name="Entailment">Probability that the best unit entails it.</param>
/// <param name="LogEntailment">Its logarithm, not below that of 1e-4.</param>
/// <param name="Probabilities">All classes at that unit.</param>
/// <param name="Unit">Index of that unit.</param>
/// <param name="Units">Units that the source was read in; 1 when it fits whole.</param>
/// <param name="Cut">The sentence was too long and its end was not read.</param>
public sealed record SentenceVerdict(
    string Sentence, float Entailment, float LogEntailment, IReadOnlyList<float> Probabilities, int Unit, int Units, bool Cut);
