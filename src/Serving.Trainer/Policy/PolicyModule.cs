using Serving.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Serving.Trainer.Policy;

/// <summary>
/// The decoder that ONNX Runtime serves, of every <see cref="ModelFamily"/>, as a TorchSharp module over the same weights: q, k, v are one packed matrix and
/// so are gate and up, in the order in which they lie in model.safetensors. Parameters are fp32; <see cref="ComputeType"/> may be bfloat16, then
/// products run on casts of the weights and gradients come back in fp32. Used from one thread (dispose scopes are thread-static).
/// </summary>
public sealed class PolicyModule : Module<Tensor, Tensor>
{
    private readonly Parameter _embedding;
    private readonly Parameter _norm;
    private readonly Parameter? _head;
    private readonly DecoderLayer[] _layers;
    private readonly Tensor _cos;
    private readonly Tensor _sin;

    /// <summary>Random weights: normal with s.d. 0.02, the two output projections of a layer divided by sqrt(2 layers); norms multiply by 1, biases are 0.</summary>
    /// <param name="config">Any that the server takes.</param>
    /// <param name="seed">Of the weights.</param>
    /// <param name="precision">Type of the parameters: float32, or float64 to check gradients.</param>
    public PolicyModule(DecoderConfig config, ulong seed = 0, ScalarType precision = ScalarType.Float32)
        : base("policy")
    {
        Config = config;
        using var generator = new Generator(seed);
        var outputScale = 0.02 / Math.Sqrt(2 * config.Layers);
        _embedding = Weights.Normal(generator, 0.02, precision, config.VocabularySize, config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(i => new DecoderLayer($"layer_{i}", config, generator, outputScale, precision))];
        _norm = config.UnitOffsetNorm ? Weights.Zeros(config.HiddenSize, precision) : Weights.Ones(config.HiddenSize, precision);
        _head = config.TieEmbeddings ? null : Weights.Normal(generator, 0.02, precision, config.VocabularySize, config.HiddenSize);
        (_cos, _sin) = RotaryTable(config, precision);
        register_parameter("embedding", _embedding);
        foreach (var layer in _layers)
        {
            register_module(layer.GetName(), layer);
        }

        register_parameter("norm", _norm);
        if (_head is not null)
        {
            register_parameter("head", _head);
        }
    }

    public DecoderConfig Config { get; }

    /// <summary>float32, or bfloat16 for products in half the memory traffic (1.4 times the speed on AVX512-BF16).</summary>
    public ScalarType ComputeType { get; set; } = ScalarType.Float32;

    /// <summary>Keep the input of every layer only and compute the layer again backwards: a third more time for a fraction of the memory.</summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>
    /// Share of hidden values dropped after the embeddings and each sub-layer while gradients are recorded: for many passes over few data. Not together with
    /// <see cref="GradientCheckpointing"/>.
    /// </summary>
    public double Dropout { get; set; }

    /// <summary>LoRA is trained instead of the weights, see <see cref="Adapt"/>.</summary>
    public bool Adapted => _layers.Any(layer => layer.Adapters is not null);

    /// <summary>What an optimiser moves: all parameters, or those of LoRA.</summary>
    public IReadOnlyList<Parameter> Trained => [.. parameters().Where(parameter => parameter.requires_grad)];

    internal Parameter Embedding => _embedding;

    internal Parameter Norm => _norm;

    internal Parameter? Head => _head;

    internal IReadOnlyList<DecoderLayer> Layers => _layers;

    /// <summary>
    /// Freezes the weights and puts LoRA beside the seven matrices of every layer (q, k, v, o, gate, up, down). It begins as no change at all.
    /// </summary>
    /// <param name="rank">r, from 1.</param>
    /// <param name="alpha">The product is scaled by alpha/r.</param>
    /// <param name="seed">Of the random half.</param>
    public void Adapt(int rank, double alpha, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rank, 1);
        if (Adapted)
        {
            throw new InvalidOperationException("This policy has LoRA already: merge it first.");
        }

        foreach (var parameter in parameters())
        {
            parameter.requires_grad = false;
        }

        using var generator = new Generator(seed);
        foreach (var layer in _layers)
        {
            layer.Adapt(rank, alpha, generator);
        }
    }

    /// <summary>A plain policy of the same values: every matrix plus what LoRA adds to it. The caller's to dispose.</summary>
    public PolicyModule Merged()
    {
        var merged = new PolicyModule(Config, precision: _embedding.dtype) { ComputeType = ComputeType, GradientCheckpointing = GradientCheckpointing };
        merged.MoveTowards(this, 1);
        return merged;
    }

    /// <summary>
    /// theta = (1 - share) theta + share theta', LoRA of the other one merged: a product B A is averaged as the matrix it is, for averages of A and of B do not multiply
    /// to it. Without LoRA of its own.
    /// </summary>
    public void MoveTowards(PolicyModule other, double share)
    {
        using var quiet = no_grad();
        foreach (var ((own, _), (weight, adapter)) in Published().Zip(other.Published()))
        {
            using var scope = NewDisposeScope();
            if (share == 1)
            {
                own.copy_(weight);
            }
            else
            {
                own.mul_(1 - share).add_(weight, alpha: share);
            }

            if (adapter is not null)
            {
                own.add_(adapter.Delta(), alpha: share);
            }
        }
    }

    /// <summary>Hidden states after the last norm: [B, T] int64 to [B, T, d].</summary>
    public override Tensor forward(Tensor ids)
    {
        var length = (int)ids.shape[1];
        if (length > Config.MaxPositions)
        {
            throw new ArgumentException($"A sequence of {length} tokens is longer than the policy's {Config.MaxPositions} positions.", nameof(ids));
        }

        return Encode(ids, _cos.narrow(0, 0, length), _sin.narrow(0, 0, length), mask: null);
    }

    /// <summary>
    /// Hidden states of rows in which several answers share one prompt: [B, T] to [B, T, d]. An answer's tokens carry the positions that they would have
    /// right behind the prompt, and look at the prompt and at their own answer only, so each gets the states that it would get in a row of its own.
    /// </summary>
    /// <param name="ids">Token ids, int64 [B, T].</param>
    /// <param name="positions">Position of every token within its own sequence, int64 [B, T].</param>
    /// <param name="mask">What a token may look at, bool [B, 1, T, T].</param>
    public Tensor forward(Tensor ids, Tensor positions, Tensor mask)
    {
        var shape = new long[] { ids.shape[0], 1, ids.shape[1], Config.HeadDimension };
        var flat = positions.reshape(-1);
        return Encode(ids, _cos.index_select(0, flat).view(shape), _sin.index_select(0, flat).view(shape), mask);
    }

    /// <summary>Logits at every position: [B, T] int64 to [B, T, V] fp32. For short batches; training uses <see cref="TokenLogProbs"/>.</summary>
    public Tensor Logits(Tensor ids) => Project(forward(ids));

    /// <summary>log p(ids[:, t+1] | ids[:, ..t]): [B, T] int64 to [B, T-1] fp32.</summary>
    public Tensor TokenLogProbs(Tensor ids)
    {
        var length = ids.shape[1];
        var hidden = forward(ids).narrow(1, 0, length - 1);
        var targets = ids.narrow(1, 1, length - 1);
        return SelectedLogProbs(hidden.reshape(-1, Config.HiddenSize), targets.reshape(-1)).view(ids.shape[0], length - 1);
    }

    /// <summary>log p(target) for rows of hidden states: [R, d], [R] to [R] fp32. Never holds more than a chunk of rows of logits.</summary>
    public Tensor SelectedLogProbs(Tensor hidden, Tensor targets) => ChunkedLogProbs.Of(hidden, _head ?? _embedding, targets, ComputeType);

    /// <summary>Logits of hidden states: [..., d] to [..., V] fp32.</summary>
    public Tensor Project(Tensor hidden) => Weights.Linear(hidden, _head ?? _embedding, ComputeType);

    private IEnumerable<(Parameter Weight, LowRankAdapter? Adapter)> Published() =>
    [
        (_embedding, null),
        .. _layers.SelectMany(layer => layer.Published()),
        (_norm, null),
        .. _head is null ? Array.Empty<(Parameter, LowRankAdapter?)>() : [(_head, null)],
    ];

    /// <summary>cos and sin [T, hd] or [B, 1, T, hd].</summary>
    private Tensor Encode(Tensor ids, Tensor cos, Tensor sin, Tensor? mask)
    {
        if (GradientCheckpointing && Dropout > 0)
        {
            throw new InvalidOperationException("A recomputed layer would drop other values than at first: train without dropout or without gradient checkpointing.");
        }

        using var scope = NewDisposeScope();                                    // what the gradients need is kept by the graph
        var x = _embedding.index_select(0, ids.reshape(-1)).view(ids.shape[0], ids.shape[1], Config.HiddenSize);
        x = Weights.Drop(Config.EmbeddingScale == 1 ? x : x * Config.EmbeddingScale, Dropout);
        foreach (var layer in _layers)
        {
            x = GradientCheckpointing && is_grad_enabled()
                ? RecomputedLayer.Of(layer, x, cos, sin, ComputeType, mask)
                : layer.Apply(x, cos, sin, ComputeType, mask, Dropout);
        }

        return Weights.RmsNorm(x, _norm, Config.NormEpsilon, Config.UnitOffsetNorm).MoveToOuterDisposeScope();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _cos.Dispose();
            _sin.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>cos and sin of position x frequency, both halves: [max, hd] (rotate-half convention of Hugging Face's Llama).</summary>
    private static (Tensor Cos, Tensor Sin) RotaryTable(DecoderConfig config, ScalarType precision)
    {
        using var scope = NewDisposeScope();
        var frequencies = tensor(config.RotaryFrequencies());
        var angles = arange(config.MaxPositions, ScalarType.Float64).unsqueeze(1) * frequencies.unsqueeze(0);
        var both = cat([angles, angles], 1);
        return (both.cos().to(precision).MoveToOuterDisposeScope(), both.sin().to(precision).MoveToOuterDisposeScope());
    }
}
