namespace Serving.EpisodeTools;

/// <summary>A split of dataset_info.json. Immutable.</summary>
/// <param name="Name">"train" and the like.</param>
/// <param name="Template">How its shard files are named.</param>
/// <param name="PayloadBytes">Bytes of its records without their frames; null when the file does not say.</param>
/// <param name="ShardLengths">Records of each shard.</param>
public sealed record RldsSplit(string Name, string Template, long? PayloadBytes, IReadOnlyList<long> ShardLengths);
