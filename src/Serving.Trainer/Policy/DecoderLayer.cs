using Serving.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Policy;

/// <summary>One pre-norm block: grouped-query attention with rotary positions, then a SiLU-gated feed-forward layer.</summary>
internal sealed class DecoderLayer : Module
{
    private readonly DecoderConfig _config;

    public DecoderLayer(string name, DecoderConfig config, Generator generator, double outputScale, ScalarType precision)
        : base(name)
    {
        _config = config;
        var rows = config.HeadDimension * (config.Heads + (2 * config.KeyValueHeads));
        InputNorm = Weights.Ones(config.HiddenSize, precision);
        QueryKeyValue = Weights.Normal(generator, 0.02, precision, rows, config.HiddenSize);
        Output = Weights.Normal(generator, outputScale, precision, config.HiddenSize, config.Heads * config.HeadDimension);
        PostNorm = Weights.Ones(config.HiddenSize, precision);
        GateUp = Weights.Normal(generator, 0.02, precision, 2 * config.IntermediateSize, config.HiddenSize);
        Down = Weights.Normal(generator, outputScale, precision, config.HiddenSize, config.IntermediateSize);
        register_parameter("input_norm", InputNorm);
        register_parameter("qkv", QueryKeyValue);
        register_parameter("output", Output);
        register_parameter("post_norm", PostNorm);
        register_parameter("gate_up", GateUp);
        register_parameter("down", Down);
    }

    public Parameter InputNorm { get; }

    /// <summary>[(heads + 2 kv heads) hd, d]: q, k, v stacked.</summary>
    public Parameter QueryKeyValue { get; }

    public Parameter Output { get; }

    public Parameter PostNorm { get; }

    /// <summary>[2 ff, d]: gate, up stacked.</summary>
    public Parameter GateUp { get; }

    public Parameter Down { get; }

    /// <summary>[B, T, d] to [B, T, d].</summary>
    /// <param name="mask">What a position may look at, bool [B, 1, T, T]; null = everything up to itself.</param>
    public Tensor Apply(Tensor x, Tensor cos, Tensor sin, ScalarType compute, Tensor? mask = null)
    {
        x = x + Attend(Weights.RmsNorm(x, InputNorm, _config.NormEpsilon), cos, sin, compute, mask);
        var gateUp = Weights.Linear(Weights.RmsNorm(x, PostNorm, _config.NormEpsilon), GateUp, compute).chunk(2, -1);
        return x + Weights.Linear(functional.silu(gateUp[0]) * gateUp[1], Down, compute);
    }

    private Tensor Attend(Tensor x, Tensor cos, Tensor sin, ScalarType compute, Tensor? mask)
    {
        var (batch, length, hd) = (x.shape[0], x.shape[1], _config.HeadDimension);
        var (heads, kv) = (_config.Heads, _config.KeyValueHeads);
        var qkv = Weights.Linear(x, QueryKeyValue, compute).view(batch, length, heads + (2 * kv), hd).transpose(1, 2);   // [B, H+2K, T, hd]
        var rotated = Rotate(qkv.narrow(1, 0, heads + kv), cos, sin);
        var q = rotated.narrow(1, 0, heads);
        var k = Repeat(rotated.narrow(1, heads, kv), heads / kv);
        var v = Repeat(qkv.narrow(1, heads + kv, kv), heads / kv);
        var attended = functional.scaled_dot_product_attention(
            Weights.Round(q, compute), Weights.Round(k, compute), Weights.Round(v, compute), mask, is_casual: mask is null);
        return Weights.Linear(attended.transpose(1, 2).reshape(batch, length, heads * hd), Output, compute);
    }

    /// <summary>x cos + rotate_half(x) sin.</summary>
    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        var halves = x.chunk(2, -1);
        return (x * cos) + (cat([halves[1].neg(), halves[0]], -1) * sin);
    }

    private static Tensor Repeat(Tensor heads, int times) => times == 1 ? heads : heads.repeat_interleave(times, dim: 1);
}
