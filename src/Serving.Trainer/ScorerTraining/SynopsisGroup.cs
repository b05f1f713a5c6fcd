namespace Serving.Trainer.ScorerTraining;

/// <summary>The own synopsis of a description (first) and others of it. Immutable.</summary>
/// <param name="Index">Of the description among the examples.</param>
/// <param name="Synopses">K of them, the own one first.</param>
/// <param name="Kinds">Where every synopsis comes from.</param>
/// <param name="Preferences">Pairs of positions, the better one first: what a reward has to agree with.</param>
internal sealed record SynopsisGroup(
    int Index, IReadOnlyList<string> Synopses, IReadOnlyList<SynopsisKind> Kinds, IReadOnlyList<(int Better, int Worse)> Preferences);
