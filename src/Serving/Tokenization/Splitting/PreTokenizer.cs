using System.Text;

namespace Serving.Tokenization.Splitting;

/// <summary>The steps of a tokenizer.json's pre_tokenizer. Immutable and thread-safe.</summary>
/// <param name="Rules">In order; none means that the text stays whole.</param>
/// <param name="EndsInBytes">The last step maps pieces to the byte-level alphabet: it is left to the model, so that its cache is keyed by plain text.</param>
internal sealed record PreTokenizer(IReadOnlyList<SplitRule> Rules, bool EndsInBytes)
{
    /// <summary>The words of a text, in order, none of them empty.</summary>
    /// <param name="first">The text begins where the whole input began.</param>
    public List<Piece> Split(string text, bool first)
    {
        var pieces = text.Length == 0 ? [] : new List<Piece> { new(text, first) };
        foreach (var rule in Rules)
        {
            var parts = new List<Piece>(pieces.Count);
            foreach (var piece in pieces)
            {
                rule(piece, parts);
            }

            pieces = parts;
        }

        return pieces;
    }

    /// <summary>UTF-8 of a text, each byte as its character of the alphabet.</summary>
    public static string ToBytes(ReadOnlySpan<char> text)
    {
        var mapped = new StringBuilder(text.Length + 8);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var c in text.EnumerateRunes())
        {
            foreach (var b in bytes[..c.EncodeToUtf8(bytes)])
            {
                mapped.Append(ByteAlphabet.CharOf(b));
            }
        }

        return mapped.ToString();
    }
}
