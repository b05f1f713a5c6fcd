using Serving.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Policy;

/// <summary>
/// One pre-norm block: grouped-query attention with rotary positions, then a gated feed-forward layer. What a family adds to a Llama's block is null where
/// the config has none of it.
/// </summary>
internal sealed class DecoderLayer : Module
{
    private readonly DecoderConfig _config;

    public DecoderLayer(string name, DecoderConfig config, Generator generator, double outputScale, ScalarType precision)
        : base(name)
    {
        _config = config;
        var rows = config.HeadDimension * (config.Heads + (2 * config.KeyValueHeads));
        InputNorm = NormOf(config.HiddenSize);
        QueryKeyValue = Weights.Normal(generator, 0.02, precision, rows, config.HiddenSize);
        Output = Weights.Normal(generator, outputScale, precision, config.HiddenSize, config.Heads * config.HeadDimension);
        PostNorm = NormOf(config.HiddenSize);
        GateUp = Weights.Normal(generator, 0.02, precision, 2 * config.IntermediateSize, config.HiddenSize);
        Down = Weights.Normal(generator, outputScale, precision, config.HiddenSize, config.IntermediateSize);
        QueryKeyValueBias = config.AttentionBias ? Weights.Zeros(rows, precision) : null;
        OutputBias = config.OutputBias ? Weights.Zeros(config.HiddenSize, precision) : null;
        QueryNorm = config.QueryKeyNorm ? NormOf(config.HeadDimension) : null;
        KeyNorm = config.QueryKeyNorm ? NormOf(config.HeadDimension) : null;
        register_parameter("input_norm", InputNorm);
        register_parameter("qkv", QueryKeyValue);
        register_parameter("output", Output);
        register_parameter("post_norm", PostNorm);
        register_parameter("gate_up", GateUp);
        register_parameter("down", Down);
        RegisterIfAny("qkv_bias", QueryKeyValueBias);
        RegisterIfAny("output_bias", OutputBias);
        RegisterIfAny("query_norm", QueryNorm);
        RegisterIfAny("key_norm", KeyNorm);

        // Stored as what is added to 1, a norm begins at 0.
        Parameter NormOf(int width) => config.UnitOffsetNorm ? Weights.Zeros(width, precision) : Weights.Ones(width, precision);

        void RegisterIfAny(string part, Parameter? parameter)
        {
            if (parameter is not null)
            {
                register_parameter(part, parameter);
            }
        }
    }

    public Parameter InputNorm { get; }

    /// <summary>[(heads + 2 kv heads) hd, d]: q, k, v stacked.</summary>
    public Parameter QueryKeyValue { get; }

    /// <summary>[(heads + 2 kv heads) hd].</summary>
    public Parameter? QueryKeyValueBias { get; }

    /// <summary>[hd], for every query head.</summary>
    public Parameter? QueryNorm { get; }

    /// <summary>[hd], for every key head.</summary>
    public Parameter? KeyNorm { get; }

    public Parameter Output { get; }

    public Parameter? OutputBias { get; }

    public Parameter PostNorm { get; }

    /// <summary>[2 ff, d]: gate, up stacked.</summary>
    public Parameter GateUp { get; }

    public Parameter Down { get; }

    /// <summary>LoRA beside the four matrices; null = none.</summary>
    public LayerAdapters? Adapters { get; private set; }

    /// <summary>Puts LoRA beside the four matrices. What else is trained is the caller's to say.</summary>
    public void Adapt(int rank, double alpha, Generator generator)
    {
        Adapters = new LayerAdapters(_config, rank, alpha, generator, InputNorm.dtype);
        register_module(Adapters.GetName(), Adapters);
    }

    /// <summary>The parameters of the layer as it is published, in a fixed order, each with what LoRA adds to it.</summary>
    public IEnumerable<(Parameter Weight, LowRankAdapter? Adapter)> Published()
    {
        yield return (InputNorm, null);
        yield return (QueryKeyValue, Adapters?.QueryKeyValue);
        yield return (Output, Adapters?.Output);
        yield return (PostNorm, null);
        yield return (GateUp, Adapters?.GateUp);
        yield return (Down, Adapters?.Down);
        foreach (var parameter in new[] { QueryKeyValueBias, OutputBias, QueryNorm, KeyNorm }.OfType<Parameter>())
        {
            yield return (parameter, null);
        }
    }

    /// <summary>[B, T, d] to [B, T, d].</summary>
    /// <param name="mask">What a position may look at, bool [B, 1, T, T]; null = everything up to itself.</param>
    /// <param name="dropout">Share of the values of either sub-layer that are dropped while gradients are recorded.</param>
    public Tensor Apply(Tensor x, Tensor cos, Tensor sin, ScalarType compute, Tensor? mask = null, double dropout = 0)
    {
        using var scope = NewDisposeScope();
        x = x + Weights.Drop(Attend(Norm(x, InputNorm), cos, sin, compute, mask), dropout);
        var gateUp = Linear(Norm(x, PostNorm), GateUp, null, Adapters?.GateUp, compute).chunk(2, -1);
        return (x + Weights.Drop(Linear(Activate(gateUp[0]) * gateUp[1], Down, null, Adapters?.Down, compute), dropout)).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor x, Tensor cos, Tensor sin, ScalarType compute, Tensor? mask)
    {
        var (batch, length, hd) = (x.shape[0], x.shape[1], _config.HeadDimension);
        var (heads, kv) = (_config.Heads, _config.KeyValueHeads);
        var qkv = Linear(x, QueryKeyValue, QueryKeyValueBias, Adapters?.QueryKeyValue, compute)
            .view(batch, length, heads + (2 * kv), hd).transpose(1, 2);                                             // [B, H+2K, T, hd]
        var rotated = Rotate(HeadNorm(qkv.narrow(1, 0, heads + kv)), cos, sin);
        var q = rotated.narrow(1, 0, heads);
        var k = Repeat(rotated.narrow(1, heads, kv), heads / kv);
        var v = Repeat(qkv.narrow(1, heads + kv, kv), heads / kv);
        var attended = functional.scaled_dot_product_attention(
            Weights.Round(q, compute), Weights.Round(k, compute), Weights.Round(v, compute), mask, is_casual: mask is null);
        return Linear(attended.transpose(1, 2).reshape(batch, length, heads * hd), Output, OutputBias, Adapters?.Output, compute);
    }

    private static Tensor Linear(Tensor x, Tensor weight, Tensor? bias, LowRankAdapter? adapter, ScalarType compute)
    {
        var y = Weights.Linear(x, weight, compute, bias);
        return adapter is null ? y : y + adapter.Apply(x, compute);
    }

    private Tensor Norm(Tensor x, Tensor weight) => Weights.RmsNorm(x, weight, _config.NormEpsilon, _config.UnitOffsetNorm);

    /// <summary>Norms every query and key head by itself, [B, H+K, T, hd], where the family does.</summary>
    private Tensor HeadNorm(Tensor x)
    {
        if (QueryNorm is null || KeyNorm is null)
        {
            return x;
        }

        var weights = cat([QueryNorm.expand(_config.Heads, -1), KeyNorm.expand(_config.KeyValueHeads, -1)], 0);      // [H+K, hd]
        return Norm(x, weights.unsqueeze(1));
    }

    private Tensor Activate(Tensor x) => _config.Activation switch
    {
        Activation.Silu => functional.silu(x),
        Activation.GeluTanh => functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
        Activation.Gelu => functional.gelu(x),
        _ => throw new NotSupportedException($"The trainer has no activation {_config.Activation}."),
    };

    /// <summary>x cos + rotate_half(x) sin.</summary>
    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        var halves = x.chunk(2, -1);
        return (x * cos) + (cat([halves[1].neg(), halves[0]], -1) * sin);
    }

    private static Tensor Repeat(Tensor heads, int times) => times == 1 ? heads : heads.repeat_interleave(times, dim: 1);
}
