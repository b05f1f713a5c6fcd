using System.Text;

namespace Serving.Tokenization.Vocabularies;

/// <summary>
/// WordPiece as BERT uses it: the longest entry that begins the word, then the longest continuing entry, and so on; a word that cannot be spelt to
/// its end is one unknown token. Immutable and thread-safe.
/// </summary>
internal sealed class WordPieceModel
{
    private readonly PrefixTable _begins;
    private readonly PrefixTable _continues;
    private readonly int _unknown;
    private readonly int _longestWord;

    /// <param name="prefix">What marks an entry that continues a word ("##").</param>
    /// <param name="longestWord">Words of more characters are unknown.</param>
    public WordPieceModel(Dictionary<string, int> ids, int unknown, string prefix, int longestWord)
    {
        _begins = new PrefixTable(ids.Where(pair => pair.Key.Length > 0).Select(pair => (pair.Key, pair.Value)));
        _continues = new PrefixTable(ids
            .Where(pair => pair.Key.Length > prefix.Length && pair.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(pair => (pair.Key[prefix.Length..], pair.Value)));
        _unknown = unknown;
        _longestWord = longestWord;
    }

    public void Encode(string word, List<int> tokens)
    {
        var before = tokens.Count;
        if (word.EnumerateRunes().Count() > _longestWord)
        {
            tokens.Add(_unknown);
            return;
        }

        for (var at = 0; at < word.Length;)
        {
            var (length, id) = (at == 0 ? _begins : _continues).Longest(word.AsSpan(at));
            if (length == 0)
            {
                tokens.RemoveRange(before, tokens.Count - before);
                tokens.Add(_unknown);
                return;
            }

            tokens.Add(id);
            at += length;
        }
    }
}
