using Microsoft.Extensions.Logging.Abstractions;
using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

/// <summary>A temporary root for logs, and what tests ask of the dataset in it.</summary>
internal sealed class EpisodeFolder : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public string Root => _temporary.Path;

    public DatasetFolder Dataset => new(Root);

    /// <summary>The smallest that the options allow.</summary>
    public static long SmallestShard => 1 << 16;

    public EpisodeLog Open(long shardBytes = 1 << 28, DiskCalls? disk = null) =>
        new(new EpisodeOptions { Root = Root, ShardBytes = shardBytes }, NullLogger.Instance, disk ?? DiskCalls.Real);

    public string[] Ids() => [.. new EpisodeReader(Root).ReadAll().Select(e => e.Id)];

    public StrictDataset Strict() => new(Dataset.FullPath);

    /// <summary>The bytes of a shard with these small episodes, as a process that was killed leaves it.</summary>
    public static async Task<byte[]> Shard(params string[] ids)
    {
        using var folder = new EpisodeFolder();
        await using var log = folder.Open();
        foreach (var id in ids)
        {
            await log.AppendAsync(EpisodeSamples.Small(id), TestContext.Current.CancellationToken);
        }

        return await ReadShared(folder.Dataset.ShardPath(0));
    }

    /// <summary>A log whose writer was of version 1.0.0 and was killed: an open shard with these bytes, in the folder of that version.</summary>
    public static EpisodeFolder WithFirstVersion(ReadOnlySpan<byte> bytes)
    {
        var folder = new EpisodeFolder();
        var dataset = new DatasetFolder(folder.Root, DatasetForm.EarlierEpisodes[0]);
        Directory.CreateDirectory(dataset.FullPath);
        File.WriteAllBytes(dataset.ShardPath(0), bytes);
        return folder;
    }

    /// <summary>A new folder whose shard 0, listed nowhere, has these bytes.</summary>
    public static EpisodeFolder WithOpenShard(ReadOnlySpan<byte> bytes)
    {
        var folder = new EpisodeFolder();
        Directory.CreateDirectory(folder.Dataset.FullPath);
        File.WriteAllBytes(folder.Dataset.ShardPath(0), bytes);
        return folder;
    }

    /// <summary>
    /// What another process would find now. A copy takes time, so the order matters: dataset_info.json first, since what it lists no longer
    /// changes, and the shards from the last one down, since the one before the last is complete.
    /// </summary>
    public async Task<EpisodeFolder> Copy()
    {
        var copy = new EpisodeFolder();
        Directory.CreateDirectory(copy.Dataset.FullPath);
        string[] paths =
        [
            Dataset.InfoPath, Dataset.FeaturesPath, Dataset.MetadataPath, .. Dataset.Shards().Reverse().Select(Dataset.ShardPath),
        ];
        foreach (var path in paths)
        {
            await File.WriteAllBytesAsync(Path.Combine(copy.Dataset.FullPath, Path.GetFileName(path)), await ReadShared(path));
        }

        return copy;
    }

    /// <summary>Where frame number <paramref name="record"/> begins.</summary>
    public static int FrameStart(byte[] shard, int record)
    {
        var at = 0;
        for (var i = 0; i < record; i++)
        {
            at += (int)BitConverter.ToUInt64(shard, at) + TfRecord.FramingBytes;
        }

        return at;
    }

    public void Dispose() => _temporary.Dispose();

    private static async Task<byte[]> ReadShared(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var bytes = new MemoryStream();
        await file.CopyToAsync(bytes);
        return bytes.ToArray();
    }
}
