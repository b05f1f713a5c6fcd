using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Policy;

/// <summary>The few operators that policies and encoders share, and how their parameters begin.</summary>
internal static class Weights
{
    public static Parameter Normal(Generator generator, double deviation, ScalarType type, params long[] shape)
    {
        using var scope = NewDisposeScope();
        return new Parameter((randn(shape, type, CPU, generator: generator) * deviation).to(get_default_device()).MoveToOuterDisposeScope());  // the same numbers everywhere
    }

    public static Parameter Ones(long size, ScalarType type = ScalarType.Float32) => new(ones(size, type));

    public static Parameter Zeros(long size, ScalarType type = ScalarType.Float32) => new(zeros(size, type));

    public static Parameter Zeros(long rows, ScalarType type, long columns) => new(zeros(rows, columns, type));

    /// <summary>x W^T (+ b) in the compute type, result in fp32.</summary>
    public static Tensor Linear(Tensor x, Tensor weight, ScalarType compute, Tensor? bias = null)
    {
        if (compute == ScalarType.Float32)
        {
            return functional.linear(x, weight, bias);
        }

        return functional.linear(x.to(compute), weight.to(compute), bias?.to(compute)).to(ScalarType.Float32);
    }

    /// <summary>Rounds to the compute type; with float32 the tensor as it is (parameters may be float64).</summary>
    public static Tensor Round(Tensor x, ScalarType compute) => compute == ScalarType.Float32 ? x : x.to(compute);

    /// <summary>Dropout (Srivastava et al. 2014) while gradients are recorded; otherwise the tensor as it is.</summary>
    /// <param name="share">Of the values that are dropped; 0 = none.</param>
    public static Tensor Drop(Tensor x, double share) => share > 0 && is_grad_enabled() ? functional.dropout(x, share, training: true) : x;

    /// <summary>x / sqrt(mean(x^2) + eps) * w over the last dimension; with unit offset * (1 + w).</summary>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon, bool unitOffset = false) =>
        x * (x.square().mean([-1], keepdim: true) + epsilon).rsqrt() * (unitOffset ? 1 + weight : weight);
}
