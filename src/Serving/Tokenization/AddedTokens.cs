using System.Text;

namespace Serving.Tokenization;

/// <summary>A token that is recognised in the text itself, before the model sees it.</summary>
/// <param name="Special">Left out of decoded text.</param>
/// <param name="Normalized">Looked for in the normalised text, in its own normalised form.</param>
/// <param name="LeftStrip">Takes the white space before it along.</param>
/// <param name="RightStrip">Takes the white space behind it along.</param>
/// <param name="SingleWord">Only where no word character stands next to it.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool Normalized, bool LeftStrip, bool RightStrip, bool SingleWord);

/// <summary>Finds added tokens in a text: the leftmost, and of those the longest. Immutable and thread-safe.</summary>
internal sealed class AddedTokens
{
    private readonly PrefixTable _contents;
    private readonly AddedToken[] _tokens;

    /// <param name="tokens">With the text by which each is found; of equal texts the last counts.</param>
    public AddedTokens(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        var byText = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var (text, token) in tokens.Where(pair => pair.Text.Length > 0))
        {
            byText[text] = token;
        }

        _tokens = [.. byText.Values];
        _contents = new PrefixTable(byText.Keys.Select((text, index) => (text, index)));
    }

    /// <summary>The parts of a text: an id for an added token, or -1 and the range of ordinary text. None is empty.</summary>
    public List<(int Id, int Start, int End)> Split(string text)
    {
        var parts = new List<(int, int, int)>();
        var done = 0;
        for (var at = 0; _contents.Count > 0 && at < text.Length;)
        {
            var (length, index) = _contents.Longest(text.AsSpan(at));
            if (length == 0)
            {
                at++;
                continue;
            }

            var token = _tokens[index];
            var (start, end) = (at, at + length);
            at = end;
            if (token.SingleWord && (EndsInWord(text.AsSpan(0, start)) || BeginsWithWord(text.AsSpan(end))))
            {
                continue;
            }

            if (token.LeftStrip)
            {
                start = Math.Max(done, text.AsSpan(0, start).TrimEnd().Length);
            }

            if (token.RightStrip)
            {
                end = text.Length - text.AsSpan(end).TrimStart().Length;
            }

            if (done < start)
            {
                parts.Add((-1, done, start));
            }

            parts.Add((token.Id, start, end));
            done = end;
        }

        if (done < text.Length)
        {
            parts.Add((-1, done, text.Length));
        }

        return parts;
    }

    private static bool EndsInWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var last, out _) == System.Buffers.OperationStatus.Done && Characters.IsWord(last);

    private static bool BeginsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var first, out _) == System.Buffers.OperationStatus.Done && Characters.IsWord(first);
}
