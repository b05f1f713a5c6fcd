using Serving.Inference;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>One token that an answer shows.</summary>
/// <param name="Offset">Where it begins in the answer's text, in UTF-16 units.</param>
internal readonly record struct ShownToken(int Token, string Text, float LogProb, float SampledLogProb, int Offset);

/// <summary>Which tokens of a candidate its text shows. Pure.</summary>
internal static class ShownTokens
{
    /// <summary>Every token but a final end-of-sequence token and those behind a stop string.</summary>
    public static IReadOnlyList<ShownToken> Of(Candidate candidate, TextTokenizer tokenizer)
    {
        var shown = new List<ShownToken>(candidate.Tokens.Length);
        var decoder = tokenizer.CreateDecoder();
        var offset = 0;
        for (var i = 0; i < candidate.Tokens.Length; i++)
        {
            var token = candidate.Tokens[i];
            var isEnd = i == candidate.Tokens.Length - 1 && tokenizer.BytesOf(token).IsEmpty;
            if (candidate.FinishReason == FinishReason.Stop && (isEnd || offset >= candidate.Text.Length))
            {
                break;
            }

            shown.Add(new ShownToken(token, tokenizer.Decode([token]), candidate.LogProbs[i], candidate.SampledLogProbs[i], offset));
            offset += decoder.Append(token).Length;
        }

        return shown;
    }
}
