using Serving.Models;
using Serving.Trainer.Policy;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Encoder;

/// <summary>
/// The BERT-family pair encoder that ONNX Runtime serves as a scorer, as a TorchSharp module over the same weights (q, k, v packed).
/// Parameters are fp32; products may run in bfloat16. Used from one thread (dispose scopes are thread-static).
/// </summary>
public sealed class EncoderModule : Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly EncoderLayer[] _layers;

    /// <summary>Random weights: normal with s.d. 0.02, biases zero.</summary>
    public EncoderModule(EncoderConfig config, ulong seed = 0)
        : base("encoder")
    {
        Config = config;
        using var generator = new Generator(seed);
        Words = Weights.Normal(generator, 0.02, ScalarType.Float32, config.VocabularySize, config.HiddenSize);
        Positions = Weights.Normal(generator, 0.02, ScalarType.Float32, config.MaxPositions, config.HiddenSize);
        Types = Weights.Normal(generator, 0.02, ScalarType.Float32, config.TypeVocabularySize, config.HiddenSize);
        NormWeight = Weights.Ones(config.HiddenSize);
        NormBias = Weights.Zeros(config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(i => new EncoderLayer($"layer_{i}", config, generator))];
        PoolerWeight = Weights.Normal(generator, 0.02, ScalarType.Float32, config.HiddenSize, config.HiddenSize);
        PoolerBias = Weights.Zeros(config.HiddenSize);
        ClassifierWeight = Weights.Normal(generator, 0.02, ScalarType.Float32, config.Labels.Count, config.HiddenSize);
        ClassifierBias = Weights.Zeros(config.Labels.Count);
        register_parameter("words", Words);
        register_parameter("positions", Positions);
        register_parameter("types", Types);
        register_parameter("norm_weight", NormWeight);
        register_parameter("norm_bias", NormBias);
        foreach (var layer in _layers)
        {
            register_module(layer.GetName(), layer);
        }

        register_parameter("pooler_weight", PoolerWeight);
        register_parameter("pooler_bias", PoolerBias);
        register_parameter("classifier_weight", ClassifierWeight);
        register_parameter("classifier_bias", ClassifierBias);
    }

    public EncoderConfig Config { get; }

    /// <summary>float32, or bfloat16 for products.</summary>
    public ScalarType ComputeType { get; set; } = ScalarType.Float32;

    /// <summary>Share of hidden values dropped after the embeddings and each sub-layer while training.</summary>
    public double Dropout { get; set; }

    internal Parameter Words { get; }

    internal Parameter Positions { get; }

    internal Parameter Types { get; }

    internal Parameter NormWeight { get; }

    internal Parameter NormBias { get; }

    internal IReadOnlyList<EncoderLayer> Layers => _layers;

    internal Parameter PoolerWeight { get; }

    internal Parameter PoolerBias { get; }

    internal Parameter ClassifierWeight { get; }

    internal Parameter ClassifierBias { get; }

    /// <summary>Logits: ids [B, T] int64, types [B, T] int64, mask [B, T] bool (true = a token, not padding) to [B, labels] fp32.</summary>
    public override Tensor forward(Tensor ids, Tensor types, Tensor mask)
    {
        var pooled = Drop(Weights.Linear(Encode(ids, types, mask).select(1, 0), PoolerWeight, ComputeType, PoolerBias).tanh());
        return Weights.Linear(pooled, ClassifierWeight, ScalarType.Float32, ClassifierBias);
    }

    /// <summary>Hidden states after the last block: the same inputs to [B, T, d] fp32.</summary>
    public Tensor Encode(Tensor ids, Tensor types, Tensor mask)
    {
        var (batch, length) = (ids.shape[0], ids.shape[1]);
        var x = Words.index_select(0, ids.reshape(-1)).view(batch, length, Config.HiddenSize)
            + Positions.narrow(0, 0, length)
            + Types.index_select(0, types.reshape(-1)).view(batch, length, Config.HiddenSize);
        x = Drop(Norm(x, NormWeight, NormBias));
        var bias = zeros(batch, 1, 1, length).masked_fill(mask.logical_not().view(batch, 1, 1, length), -1e4);       // added to scores
        foreach (var layer in _layers)
        {
            x = layer.Apply(x, bias, this);
        }

        return x;
    }

    internal Tensor Norm(Tensor x, Tensor weight, Tensor bias) => functional.layer_norm(x, [Config.HiddenSize], weight, bias, Config.NormEpsilon);

    internal Tensor Drop(Tensor x) => training && Dropout > 0 ? functional.dropout(x, Dropout, training: true) : x;
}
