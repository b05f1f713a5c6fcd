namespace Serving.Trainer.ScorerTraining;

/// <summary>Where a synopsis of a training group comes from.</summary>
internal enum SynopsisKind
{
    /// <summary>The one that a person wrote for this description.</summary>
    Own,

    /// <summary>Of another package that shares rare words with the description.</summary>
    Retrieved,

    /// <summary>One or two words, names or numbers replaced by ones that the description does not have.</summary>
    Swapped,

    /// <summary>Of any other package.</summary>
    Random,

    /// <summary>Begins as the own one and ends as a retrieved one.</summary>
    Recombined,

    /// <summary>A policy's answer with a rare word that neither the description nor the own synopsis has.</summary>
    Invented,

    /// <summary>The end left out.</summary>
    Truncated,

    /// <summary>Some words said twice.</summary>
    Repeated,

    /// <summary>The words in another order.</summary>
    Shuffled,

    /// <summary>The description's beginning, as it is.</summary>
    FirstSentence,

    /// <summary>A policy's answer.</summary>
    Sampled,
}
