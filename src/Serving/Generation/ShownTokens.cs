using System.Text;
using Serving.Inference;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>One token that an answer shows.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Text">Its text; bytes that are not whole characters as U+FFFD.</param>
/// <param name="LogProb">Under the model; null for a token that nothing stands before.</param>
/// <param name="SampledLogProb">Under the distribution drawn from; null for a token that was not drawn.</param>
/// <param name="Top">The most probable tokens of its position, best first.</param>
/// <param name="Offset">Where it begins in the answer's text, in UTF-16 units.</param>
internal readonly record struct ShownToken(
    int Token, string Text, float? LogProb, float? SampledLogProb, IReadOnlyList<Inference.TokenLogProb> Top, int Offset);

/// <summary>
/// The tokens of one answer as they become certain: what a stop string cuts off, and a final end-of-sequence token, are never shown. Whole answers and
/// streams show the same tokens. Not thread-safe: one per answer.
/// </summary>
internal sealed class ShownTokens(TextTokenizer tokenizer)
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly Queue<ShownToken> _waiting = new();
    private int _offset;
    private int _certain;                    // length of the text that has gone out

    /// <summary>All shown tokens of a finished answer.</summary>
    public static IReadOnlyList<ShownToken> Of(Candidate candidate, TextTokenizer tokenizer)
    {
        var tokens = new ShownTokens(tokenizer);
        for (var i = 0; i < candidate.Tokens.Length; i++)
        {
            var top = candidate.TopLogProbs.Count > 0 ? candidate.TopLogProbs[i] : [];
            tokens.Enqueue(candidate.Tokens[i], candidate.LogProbs[i], candidate.SampledLogProbs[i], top);
        }

        return tokens.Rest(candidate);
    }

    /// <summary>The tokens that a step of a stream makes certain.</summary>
    public IReadOnlyList<ShownToken> Add(TokenEvent step)
    {
        Enqueue(step.Token, step.LogProb, step.SampledLogProb, step.TopLogProbs);
        _certain += step.Text.Length;
        if (step.Finished is { } candidate)
        {
            return Rest(candidate);
        }

        var shown = new List<ShownToken>();
        while (_waiting.TryPeek(out var next) && next.Offset < _certain)
        {
            shown.Add(_waiting.Dequeue());
        }

        return shown;
    }

    private void Enqueue(int token, float logProb, float sampledLogProb, IReadOnlyList<Inference.TokenLogProb> top)
    {
        var bytes = tokenizer.BytesOf(token).Span;
        _waiting.Enqueue(new ShownToken(token, Encoding.UTF8.GetString(bytes), logProb, sampledLogProb, top, _offset));
        _offset += CharactersOf(bytes);
    }

    private List<ShownToken> Rest(Candidate candidate)
    {
        var shown = new List<ShownToken>(_waiting.Count);
        while (_waiting.TryDequeue(out var next))
        {
            var isEnd = _waiting.Count == 0 && tokenizer.BytesOf(next.Token).IsEmpty;
            if (candidate.FinishReason == FinishReason.Stop && (isEnd || next.Offset >= candidate.Text.Length))
            {
                break;
            }

            shown.Add(next);
        }

        return shown;
    }

    private int CharactersOf(ReadOnlySpan<byte> bytes)
    {
        Span<char> room = stackalloc char[256];
        var total = 0;
        while (bytes.Length > 0)
        {
            _utf8.Convert(bytes, room, flush: false, out var used, out var written, out _);
            bytes = bytes[used..];
            total += written;
        }

        return total;
    }
}
