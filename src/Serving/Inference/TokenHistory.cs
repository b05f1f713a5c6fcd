using System.Runtime.InteropServices;

namespace Serving.Inference;

/// <summary>What the penalties of a candidate depend on: how often each token stands in its answer, and which stand in its prompt.</summary>
internal sealed class TokenHistory
{
    private readonly Dictionary<int, int> _counts = [];      // 0 = in the prompt only

    public TokenHistory(ReadOnlySpan<int> prompt)
    {
        foreach (var token in prompt)
        {
            _counts.TryAdd(token, 0);
        }
    }

    public void Add(int token) => CollectionsMarshal.GetValueRefOrAddDefault(_counts, token, out _)++;

    /// <summary>Changes the logits of the tokens that have been seen.</summary>
    public void Penalise(Span<float> logits, SamplingParameters parameters)
    {
        foreach (var (token, count) in _counts)
        {
            ref var logit = ref logits[token];
            logit = logit > 0 ? logit / parameters.RepetitionPenalty : logit * parameters.RepetitionPenalty;
            logit -= count > 0 ? parameters.PresencePenalty + (count * parameters.FrequencyPenalty) : 0;
        }
    }
}
