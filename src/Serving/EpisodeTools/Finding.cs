namespace Serving.EpisodeTools;

/// <summary>One thing that a check found. Immutable.</summary>
/// <param name="IsFault">False for what readers can live with.</param>
/// <param name="Place">File, and where it applies record, byte and field.</param>
/// <param name="What">The fault.</param>
internal sealed record Finding(bool IsFault, string Place, string What)
{
    public override string ToString() => $"{(IsFault ? "fault" : "note")}: {Place}: {What}";
}
