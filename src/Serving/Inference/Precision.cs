namespace Serving.Inference;

/// <summary>How a policy's matrix products are computed.</summary>
public enum Precision
{
    /// <summary>fp32 throughout: the reference.</summary>
    Float32,

    /// <summary>
    /// 8-bit whole numbers with a scale per row of activations and per output of weights, derived from the checkpoint when it is loaded; all else in
    /// fp32. Sums of whole numbers are exact, so a row does not depend on its neighbours.
    /// </summary>
    Int8,
}
