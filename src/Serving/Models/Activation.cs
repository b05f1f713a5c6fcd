namespace Serving.Models;

/// <summary>What the gate of the feed-forward layer goes through.</summary>
public enum Activation
{
    /// <summary>"silu": x * sigmoid(x).</summary>
    Silu,

    /// <summary>"gelu_pytorch_tanh": x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).</summary>
    GeluTanh,

    /// <summary>"gelu": x/2 * (1 + erf(x / sqrt(2))).</summary>
    Gelu,
}
