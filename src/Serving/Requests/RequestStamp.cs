using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Serving.Requests;

/// <summary>What tells a request from an equal one: its time, its id, and the seed that it gets when it brings none. Immutable.</summary>
/// <param name="Created">UTC.</param>
/// <param name="Id">Of its answer.</param>
/// <param name="Seed">Of the draws of a request without a seed; null = the server picks one.</param>
public sealed record RequestStamp(DateTimeOffset Created, Guid Id, ulong? Seed = null)
{
    // As SeedSource: JSON readers of JavaScript keep whole numbers below 2^53 exactly.
    private const ulong SeedMask = (1UL << 53) - 1;

    /// <summary>A request that has just arrived.</summary>
    public static RequestStamp Now(TimeProvider time)
    {
        var now = time.GetUtcNow();
        return new RequestStamp(now, Guid.CreateVersion7(now));
    }

    /// <summary>A request that is to get the same answer whenever it is asked: everything follows from its bytes.</summary>
    /// <param name="created">UTC.</param>
    /// <param name="content">What the request is: equal bytes give equal stamps.</param>
    public static RequestStamp Of(DateTimeOffset created, ReadOnlySpan<byte> content)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, digest);
        return new RequestStamp(created, new Guid(digest[..16], bigEndian: true), BinaryPrimitives.ReadUInt64LittleEndian(digest[16..]) & SeedMask);
    }

    /// <summary>The seed of one of several prompts; null = the server picks one.</summary>
    public ulong? SeedOf(int prompt) => Seed is { } seed ? (seed + (ulong)prompt) & SeedMask : null;
}
