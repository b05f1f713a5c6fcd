namespace Serving.Generation;

/// <summary>Every candidate of a prompt with its total. Immutable.</summary>
/// <param name="Prompt">The templated prompt.</param>
/// <param name="Source">What scorers compared answers with.</param>
/// <param name="Answers">In order of index.</param>
public sealed record RankedGroup(string Prompt, string Source, IReadOnlyList<(string Text, double Total)> Answers);
