namespace Serving.Inference;

/// <summary>One draw.</summary>
/// <param name="Token">Its id.</param>
/// <param name="LogProb">log p under the model: softmax of the raw logits.</param>
/// <param name="SampledLogProb">log p under the distribution drawn from: after penalties, grammar, temperature, top-k, top-p and min-p; 0 when greedy.</param>
internal readonly record struct SampledToken(int Token, float LogProb, float SampledLogProb);

/// <summary>A token and its log-probability under the model.</summary>
public readonly record struct TokenLogProb(int Token, float LogProb);
