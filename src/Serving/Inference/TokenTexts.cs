namespace Serving.Inference;

/// <summary>
/// The byte strings of a vocabulary in order, so that an automaton walks a common beginning once. Immutable; special tokens, which stand for no bytes,
/// are not in it.
/// </summary>
internal sealed class TokenTexts
{
    private readonly int[] _tokens;
    private readonly ReadOnlyMemory<byte>[] _texts;
    private readonly int[] _common;          // bytes that a text shares with the one before it

    public TokenTexts(int vocabularySize, Func<int, ReadOnlyMemory<byte>> bytesOf)
    {
        VocabularySize = vocabularySize;
        _tokens = [.. Enumerable.Range(0, vocabularySize).Where(token => !bytesOf(token).IsEmpty)];
        _texts = [.. _tokens.Select(bytesOf)];
        Array.Sort(_texts, _tokens, Comparer<ReadOnlyMemory<byte>>.Create(static (left, right) => left.Span.SequenceCompareTo(right.Span)));
        _common = new int[_texts.Length];
        for (var i = 1; i < _texts.Length; i++)
        {
            _common[i] = _texts[i - 1].Span.CommonPrefixLength(_texts[i].Span);
        }

        Longest = _texts.Length == 0 ? 0 : _texts.Max(text => text.Length);
    }

    public int VocabularySize { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int Longest { get; }

    public int Count => _tokens.Length;

    public int Token(int i) => _tokens[i];

    public ReadOnlySpan<byte> Text(int i) => _texts[i].Span;

    public int Common(int i) => _common[i];
}
