using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Serving.Tokenization.Normalization;

/// <summary>
/// SentencePiece's compiled replacement table ("precompiled_charsmap"): a darts-clone double array over UTF-8 keys whose values are offsets into a
/// block of NUL-terminated replacements. Every index is checked, so that a damaged table cannot read outside itself. Immutable.
/// </summary>
internal sealed class CharsMap
{
    private const int LongestGrapheme = 6;      // bytes; longer clusters are looked up character by character, as the reference does

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    public CharsMap(JsonField base64)
    {
        byte[] blob;
        try
        {
            blob = Convert.FromBase64String(base64.Text());
        }
        catch (FormatException)
        {
            throw base64.Broken("is not base64");
        }

        var trie = blob.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(blob) : 0;
        if (trie == 0 || trie % 4 != 0 || trie > (uint)(blob.Length - 4))
        {
            throw base64.Broken($"is damaged: a table of {trie} bytes in a block of {blob.Length}");
        }

        _units = MemoryMarshal.Cast<byte, uint>(blob.AsSpan(4, (int)trie)).ToArray();
        if (!BitConverter.IsLittleEndian)
        {
            BinaryPrimitives.ReverseEndianness(_units, _units);
        }

        _replacements = blob[(4 + (int)trie)..];
    }

    public string Apply(string text)
    {
        var mapped = new StringBuilder(text.Length);
        var rest = text.AsSpan();
        while (rest.Length > 0)
        {
            var cluster = rest[..StringInfo.GetNextTextElementLength(rest)];
            rest = rest[cluster.Length..];
            if (Encoding.UTF8.GetByteCount(cluster) < LongestGrapheme && Find(cluster) is { } whole)
            {
                mapped.Append(whole);
                continue;
            }

            while (cluster.Length > 0)
            {
                Rune.DecodeFromUtf16(cluster, out _, out var length);
                if (Find(cluster[..length]) is { } replaced)
                {
                    mapped.Append(replaced);
                }
                else
                {
                    mapped.Append(cluster[..length]);
                }

                cluster = cluster[length..];
            }
        }

        return mapped.ToString();
    }

    /// <summary>The replacement of the shortest key that begins <paramref name="key"/> (sic: the reference takes the first one, too), or null.</summary>
    private string? Find(ReadOnlySpan<char> key)
    {
        Span<byte> bytes = stackalloc byte[LongestGrapheme];
        var count = Encoding.UTF8.GetBytes(key, bytes);
        var node = OffsetOf(_units[0]);
        foreach (var b in bytes[..count])
        {
            node ^= b;
            if (b == 0 || node >= (uint)_units.Length || (_units[node] & 0x800000FF) != b)
            {
                return null;
            }

            var unit = _units[node];
            node ^= OffsetOf(unit);
            if ((unit & 0x100) != 0)
            {
                return node < (uint)_units.Length ? Replacement(_units[node] & 0x7FFFFFFF) : null;
            }
        }

        return null;
    }

    private string? Replacement(uint offset)
    {
        if (offset > (uint)_replacements.Length)
        {
            return null;
        }

        var text = _replacements.AsSpan((int)offset);
        var end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
    }

    private static uint OffsetOf(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);
}
