using Microsoft.Win32.SafeHandles;

namespace Serving.Episodes;

/// <summary>The three calls by which a shard changes, so that tests can have a full or broken disk. Immutable.</summary>
internal sealed record DiskCalls
{
    public static DiskCalls Real { get; } = new();

    public Action<SafeFileHandle, IReadOnlyList<ReadOnlyMemory<byte>>, long> Write { get; init; } = RandomAccess.Write;

    public Action<SafeFileHandle> Flush { get; init; } = RandomAccess.FlushToDisk;

    public Action<SafeFileHandle, long> SetLength { get; init; } = RandomAccess.SetLength;
}
