namespace Serving.EpisodeTools;

/// <summary>Bytes that are taken out of a shard. Immutable.</summary>
/// <param name="Offset">Where they begin.</param>
/// <param name="Length">How many.</param>
/// <param name="Why">For people.</param>
internal sealed record ShardCut(long Offset, long Length, string Why);
