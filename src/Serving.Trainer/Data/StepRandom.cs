using System.Security.Cryptography;
using System.Text;

namespace Serving.Trainer.Data;

/// <summary>
/// Random numbers that are functions of (seed, stream, two counters) and hold no state, so a resumed run draws what the killed one would have
/// drawn. Immutable and thread-safe.
/// </summary>
public sealed class StepRandom(ulong seed, string stream)
{
    private readonly ulong _key = Mix(seed ^ Digest(stream));

    /// <summary>64 random bits of a pair of counters.</summary>
    public ulong Bits(ulong first, ulong second) => Mix(Mix(_key + (first * 0x9E3779B97F4A7C15UL)) ^ (second * 0xD1B54A32D192ED03UL));

    /// <summary>Uniform in [0, 1).</summary>
    public double Uniform(ulong first, ulong second) => (Bits(first, second) >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in 0..bound-1; the bias of the multiplication is under bound / 2^53.</summary>
    public int Below(int bound, ulong first, ulong second) => (int)(Uniform(first, second) * bound);

    /// <summary>A permutation of 0..count-1 (Fisher and Yates), one per value of <paramref name="epoch"/>.</summary>
    public int[] Permutation(int count, ulong epoch)
    {
        var order = new int[count];
        for (var i = 0; i < count; i++)
        {
            var other = Below(i + 1, epoch, (ulong)i);
            order[i] = order[other];
            order[other] = i;
        }

        return order;
    }

    /// <summary>The first 64 bits of a text's sha256: the same on every machine, unlike string.GetHashCode.</summary>
    public static ulong Digest(string text) => BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(text)), 0);

    /// <summary>The finaliser of SplitMix64: a bijection whose output bits each depend on every input bit.</summary>
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15UL;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31);
    }
}
