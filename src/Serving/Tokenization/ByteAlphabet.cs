namespace Serving.Tokenization;

/// <summary>
/// The byte-level alphabet of GPT-2 vocabularies: every byte is one printable character, so that a vocabulary of text can hold any bytes.
/// Printable Latin-1 stands for itself; the other 68 bytes follow from U+0100.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] _ofByte = Build();
    private static readonly Dictionary<char, byte> _ofChar = _ofByte.Select((c, b) => (c, b)).ToDictionary(pair => pair.c, pair => (byte)pair.b);

    public static char CharOf(byte value) => _ofByte[value];

    /// <summary>The bytes behind a vocabulary entry, or null when a character is not of the alphabet.</summary>
    public static byte[]? BytesOf(string entry)
    {
        var bytes = new byte[entry.Length];
        for (var i = 0; i < entry.Length; i++)
        {
            if (!_ofChar.TryGetValue(entry[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
    }

    private static char[] Build()
    {
        var chars = new char[256];
        var next = (char)256;
        for (var b = 0; b < 256; b++)
        {
            var printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            chars[b] = printable ? (char)b : next++;
        }

        return chars;
    }
}
