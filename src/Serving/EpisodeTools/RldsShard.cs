namespace Serving.EpisodeTools;

/// <summary>A shard file. Immutable.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Split">The split it belongs to.</param>
/// <param name="Index">Its number.</param>
/// <param name="Listed">The records that dataset_info.json says it holds; null for a file that is not listed there.</param>
public sealed record RldsShard(string Path, string Split, int Index, long? Listed)
{
    /// <summary>File name alone.</summary>
    public string Name => System.IO.Path.GetFileName(Path);
}
