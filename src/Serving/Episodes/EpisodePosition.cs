namespace Serving.Episodes;

/// <summary>
/// A place between two records of a dataset; what a consumer stores to go on later. Stays valid for ever, since shards are only appended
/// to and never renamed.
/// </summary>
/// <param name="Shard">Number of the shard.</param>
/// <param name="Offset">Bytes of that shard before this place.</param>
/// <param name="Records">Records of that shard before this place.</param>
/// <param name="Version">Which version folder of the dataset: 0 = 1.0.0, 1 = 1.1.0.</param>
public readonly record struct EpisodePosition(int Shard, long Offset, long Records, int Version = 0)
{
    /// <summary>Before the first record.</summary>
    public static EpisodePosition Start => default;
}
