using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace Serving.Generation;

/// <summary>
/// Seeds for requests that bring none: the i-th such request of a process gets the i-th number of a seeded sequence. Thread-safe.
/// </summary>
public sealed class SeedSource(IOptions<GenerationOptions> options)
{
    // JSON readers of JavaScript keep whole numbers below 2^53 exactly, and clients are to send a seed back to repeat an answer.
    private const ulong Mask = (1UL << 53) - 1;

    private ulong _state = options.Value.Seed ?? FromSystem();

    public ulong Next() => Mix(Interlocked.Add(ref _state, 0x9E3779B97F4A7C15)) & Mask;

    // SplitMix64's finaliser: distinct states give well-spread numbers.
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static ulong FromSystem() => BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));
}
