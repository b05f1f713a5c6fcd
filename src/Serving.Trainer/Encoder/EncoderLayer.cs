using Serving.Models;
using Serving.Trainer.Policy;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Encoder;

/// <summary>One post-norm BERT block: full attention, then a GELU feed-forward layer.</summary>
internal sealed class EncoderLayer : Module
{
    private readonly EncoderConfig _config;

    public EncoderLayer(string name, EncoderConfig config, Generator generator)
        : base(name)
    {
        _config = config;
        QueryKeyValue = Weights.Normal(generator, 0.02, ScalarType.Float32, 3 * config.HiddenSize, config.HiddenSize);
        QueryKeyValueBias = Weights.Zeros(3 * config.HiddenSize);
        Output = Weights.Normal(generator, 0.02, ScalarType.Float32, config.HiddenSize, config.HiddenSize);
        OutputBias = Weights.Zeros(config.HiddenSize);
        AttentionNorm = Weights.Ones(config.HiddenSize);
        AttentionNormBias = Weights.Zeros(config.HiddenSize);
        Up = Weights.Normal(generator, 0.02, ScalarType.Float32, config.IntermediateSize, config.HiddenSize);
        UpBias = Weights.Zeros(config.IntermediateSize);
        Down = Weights.Normal(generator, 0.02, ScalarType.Float32, config.HiddenSize, config.IntermediateSize);
        DownBias = Weights.Zeros(config.HiddenSize);
        FinalNorm = Weights.Ones(config.HiddenSize);
        FinalNormBias = Weights.Zeros(config.HiddenSize);
        register_parameter("qkv", QueryKeyValue);
        register_parameter("qkv_bias", QueryKeyValueBias);
        register_parameter("output", Output);
        register_parameter("output_bias", OutputBias);
        register_parameter("attention_norm", AttentionNorm);
        register_parameter("attention_norm_bias", AttentionNormBias);
        register_parameter("up", Up);
        register_parameter("up_bias", UpBias);
        register_parameter("down", Down);
        register_parameter("down_bias", DownBias);
        register_parameter("final_norm", FinalNorm);
        register_parameter("final_norm_bias", FinalNormBias);
    }

    /// <summary>[3 d, d]: q, k, v stacked.</summary>
    public Parameter QueryKeyValue { get; }

    public Parameter QueryKeyValueBias { get; }

    public Parameter Output { get; }

    public Parameter OutputBias { get; }

    public Parameter AttentionNorm { get; }

    public Parameter AttentionNormBias { get; }

    public Parameter Up { get; }

    public Parameter UpBias { get; }

    public Parameter Down { get; }

    public Parameter DownBias { get; }

    public Parameter FinalNorm { get; }

    public Parameter FinalNormBias { get; }

    /// <summary>[B, T, d] and the additive mask [B, 1, 1, T] to [B, T, d].</summary>
    public Tensor Apply(Tensor x, Tensor bias, EncoderModule encoder)
    {
        var (batch, length) = (x.shape[0], x.shape[1]);
        var (heads, hd, compute) = (_config.Heads, _config.HeadDimension, encoder.ComputeType);
        var qkv = Weights.Linear(x, QueryKeyValue, compute, QueryKeyValueBias).view(batch, length, 3, heads, hd).permute(2, 0, 3, 1, 4);   // [3, B, H, T, hd]
        var attended = functional.scaled_dot_product_attention(
            Weights.Round(qkv[0], compute), Weights.Round(qkv[1], compute), Weights.Round(qkv[2], compute), Weights.Round(bias, compute));
        var merged = attended.transpose(1, 2).reshape(batch, length, _config.HiddenSize);
        x = encoder.Norm(x + encoder.Drop(Weights.Linear(merged, Output, compute, OutputBias)), AttentionNorm, AttentionNormBias);
        var wide = functional.gelu(Weights.Linear(x, Up, compute, UpBias));
        return encoder.Norm(x + encoder.Drop(Weights.Linear(wide, Down, compute, DownBias)), FinalNorm, FinalNormBias);
    }
}
