namespace Serving.Trainer.ScorerTraining;

/// <summary>Where a synopsis of a training group comes from.</summary>
internal enum SynopsisKind
{
    Own,
    Retrieved,
    Swapped,
    Random,
    Truncated,
    Repeated,
    Shuffled,
    FirstSentence,
    Sampled,
}
