using Serving.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Policy;

/// <summary>
/// A value of a state as a linear function of the policy's hidden state, [R, d] to [R]; 0 everywhere at first. Part of a run's checkpoints, never of what is published.
/// </summary>
public sealed class ValueHead : Module<Tensor, Tensor>
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;

    /// <param name="hiddenSize">d.</param>
    /// <param name="precision">Type of the parameters, that of the policy's.</param>
    public ValueHead(int hiddenSize, ScalarType precision = ScalarType.Float32)
        : base("value_head")
    {
        _weight = Weights.Zeros(1, precision, hiddenSize);
        _bias = Weights.Zeros(1, precision);
        register_parameter("weight", _weight);
        register_parameter("bias", _bias);
    }

    public override Tensor forward(Tensor hidden) => functional.linear(hidden, _weight, _bias).squeeze(-1);

    public void Write(string path) => TensorSlices.Write(path, Slices());

    /// <exception cref="ModelWeightsException">The file holds the head of another policy.</exception>
    public void Read(string path)
    {
        using var file = SafetensorsFile.Open(path);
        TensorSlices.Read(file, Slices());
    }

    private IEnumerable<TensorSlice> Slices() => [new("value_head.weight", _weight.alias()), new("value_head.bias", _bias.alias())];
}
