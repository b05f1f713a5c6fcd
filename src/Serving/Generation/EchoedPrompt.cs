using System.Text;
using Serving.Inference;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>A prompt that its answers begin with. Immutable.</summary>
/// <param name="Text">As it was sent; for token ids, what they say.</param>
/// <param name="Tokens">Its tokens with their log-probs; null unless asked for.</param>
internal sealed record EchoedPrompt(string Text, IReadOnlyList<ShownToken>? Tokens)
{
    private const int LongestName = 64;

    /// <param name="prompt">The prompt.</param>
    /// <param name="scores">Of all its tokens but the first, which nothing stands before; null = not asked for.</param>
    /// <param name="tokenizer">Of the policy.</param>
    public static EchoedPrompt Of(EncodedPrompt prompt, ContinuationLogProbs? scores, TextTokenizer tokenizer) =>
        new(prompt.Text, scores is null ? null : Show(prompt, scores, tokenizer));

    private static List<ShownToken> Show(EncodedPrompt prompt, ContinuationLogProbs scores, TextTokenizer tokenizer)
    {
        var shown = new List<ShownToken>(prompt.Tokens.Length);
        var decoder = tokenizer.CreateDecoder();
        var offset = 0;
        for (var i = 0; i < prompt.Tokens.Length; i++)
        {
            var token = prompt.Tokens[i];
            var bytes = tokenizer.BytesOf(token).Span;
            var text = bytes.IsEmpty ? Name(token, prompt.Text.AsSpan(offset), tokenizer) : Encoding.UTF8.GetString(bytes);
            IReadOnlyList<Inference.TokenLogProb> top = i > 0 && scores.TopLogProbs.Count > 0 ? scores.TopLogProbs[i - 1] : [];
            shown.Add(new ShownToken(token, text, i > 0 ? scores.LogProbs[i - 1] : null, null, top, offset));

            // A normaliser may have changed the text; offsets never leave it.
            offset = Math.Min(prompt.Text.Length, offset + (bytes.IsEmpty ? text.Length : decoder.Append(token).Length));
        }

        return shown;
    }

    /// <summary>How a special token is written at the beginning of a text; empty when it is not (a bos that the tokenizer puts there).</summary>
    private static string Name(int token, ReadOnlySpan<char> text, TextTokenizer tokenizer)
    {
        for (var length = 1; length <= Math.Min(LongestName, text.Length); length++)
        {
            var name = text[..length].ToString();
            if (tokenizer.IdOf(name) == token)
            {
                return name;
            }
        }

        return "";
    }
}
