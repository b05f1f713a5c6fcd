using System.Numerics;

namespace Serving.EpisodeTools;

/// <summary>
/// Finds the one byte of a record that changed, by the CRC: the difference of two CRC-32C sums depends on the place and the bits of the change only,
/// so stepping it back through the bytes meets the table's entry of the change exactly where it happened. Stateless; one step a byte.
/// </summary>
internal static class FlippedByte
{
    private static readonly uint[] _forward = Table();

    /// <summary>Which entry has this highest byte; each has another one.</summary>
    private static readonly byte[] _byHighest = Reverse();

    /// <param name="stored">Masked CRC of the sound payload.</param>
    /// <param name="computed">Masked CRC of the payload as it is.</param>
    /// <param name="length">Bytes of the payload.</param>
    /// <returns>The byte's place in the payload and the bits that changed; null when no single byte explains it, or several may.</returns>
    public static (int Index, byte Bits)? Find(uint stored, uint computed, int length)
    {
        var difference = Unmask(stored) ^ Unmask(computed);
        (int, byte)? found = null;
        for (var index = length - 1; index >= 0; index--)
        {
            var bits = _byHighest[difference >> 24];
            var before = difference ^ _forward[bits];
            if (before == 0 && bits != 0)
            {
                if (found is not null)
                {
                    return null;
                }

                found = (index, bits);
            }

            difference = (before << 8) | bits;
        }

        return found;
    }

    private static uint Unmask(uint masked) => BitOperations.RotateLeft(masked - 0xA282EAD8u, 15);

    private static uint[] Table()
    {
        var table = new uint[256];
        for (var i = 0u; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value >> 1) ^ ((value & 1) * 0x82F63B78u);
            }

            table[i] = value;
        }

        return table;
    }

    private static byte[] Reverse()
    {
        var reverse = new byte[256];
        for (var i = 0; i < 256; i++)
        {
            reverse[_forward[i] >> 24] = (byte)i;
        }

        return reverse;
    }
}
