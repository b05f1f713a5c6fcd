namespace Serving.Inference;

/// <summary>One draw.</summary>
/// <param name="Token">Its id.</param>
/// <param name="LogProb">log p under the model: softmax of the raw logits.</param>
/// <param name="SampledLogProb">log p under the distribution drawn from: after temperature, top-k and top-p; 0 when greedy.</param>
internal readonly record struct SampledToken(int Token, float LogProb, float SampledLogProb);
