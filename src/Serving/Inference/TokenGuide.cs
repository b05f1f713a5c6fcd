using Serving.Grammar;

namespace Serving.Inference;

/// <summary>
/// Holds the candidates of one request to its grammar: the state behind a token, and the mask of a state. Masks are kept while they are likely to be
/// wanted again, since candidates of a group pass through the same states. Engine thread only.
/// </summary>
internal sealed class TokenGuide(JsonGrammar grammar, TokenTexts texts, int[] endTokens, Func<int, ReadOnlyMemory<byte>> bytesOf)
{
    private const int MostMasks = 64;        // two bytes a token of the vocabulary each

    private readonly GrammarMatcher _matcher = new(grammar);
    private readonly Dictionary<GrammarState, TokenMask> _masks = new(ReferenceEqualityComparer.Instance);
    private readonly Queue<GrammarState> _masked = new();
    private readonly GrammarState[] _path = new GrammarState[texts.Longest + 1];

    public GrammarState Start => _matcher.Start;

    public GrammarState After(GrammarState state, int token)
    {
        if (endTokens.Contains(token))
        {
            return state;                    // no part of the text, whatever bytes it may stand for
        }

        foreach (var value in bytesOf(token).Span)
        {
            state = _matcher.Step(state, value);
        }

        return state;
    }

    public TokenMask MaskOf(GrammarState state)
    {
        if (_masks.TryGetValue(state, out var known))
        {
            return known;
        }

        if (_masked.Count == MostMasks)
        {
            _masks.Remove(_masked.Dequeue());
        }

        var mask = Walk(state);
        _masks.Add(state, mask);
        _masked.Enqueue(state);
        return mask;
    }

    private TokenMask Walk(GrammarState start)
    {
        var mask = new TokenMask(texts.VocabularySize);
        _path[0] = start;
        var alive = 0;                       // bytes of the last text that could be taken
        for (var i = 0; i < texts.Count; i++)
        {
            var text = texts.Text(i);
            var at = Math.Min(alive, texts.Common(i));
            if (at < texts.Common(i))
            {
                continue;                    // the byte that stopped the text before is in this one too
            }

            for (alive = at; alive < text.Length; alive++)
            {
                var next = _matcher.Step(_path[alive], text[alive]);
                if (next == GrammarMatcher.Dead)
                {
                    break;
                }

                _path[alive + 1] = next;
            }

            if (alive == text.Length && !endTokens.Contains(texts.Token(i)))
            {
                mask.Allow(texts.Token(i), _path[alive].Distance);
            }
        }

        if (start.Accepts)
        {
            foreach (var end in endTokens)
            {
                mask.Allow(end, 0);
            }
        }

        return mask;
    }
}
