namespace Serving.Trainer.ScorerTraining;

/// <summary>A description and K synopses as token ids. Immutable.</summary>
/// <param name="Source">The description's ids.</param>
/// <param name="Answers">Ids of every synopsis, the own one first.</param>
/// <param name="Kinds">Where every answer comes from.</param>
/// <param name="Preferences">Pairs of positions among the answers, the better one first.</param>
internal sealed record ScorerGroup(int[] Source, IReadOnlyList<int[]> Answers, IReadOnlyList<SynopsisKind> Kinds, IReadOnlyList<(int Better, int Worse)> Preferences);
