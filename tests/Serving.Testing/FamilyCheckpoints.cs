using Serving.Models;

namespace Serving.Testing;

/// <summary>A checkpoint to be written by <see cref="HubFolder"/>.</summary>
/// <param name="What">For messages.</param>
public sealed record FamilyCheckpoint(string What, DecoderConfig Config, string DType, int Shards);

/// <summary>Small checkpoints of every family: tied and not, of every dtype, in one file and in shards, with and without what a family may have.</summary>
public static class FamilyCheckpoints
{
    private static readonly RopeScaling _linear = new() { Kind = RopeScalingKind.Linear, Factor = 3 };

    /// <summary>With heads of 16 and theta 10000 the eight waves are 6 to 20000 tokens long: some short, some between, some long.</summary>
    private static readonly RopeScaling _llama3 = new()
    {
        Kind = RopeScalingKind.Llama3,
        Factor = 8,
        LowFrequencyFactor = 1,
        HighFrequencyFactor = 4,
        OriginalMaxPositions = 256,
    };

    private static readonly DecoderConfig _llama = TinyPolicy.Config with { HiddenSize = 80, TieEmbeddings = false };
    private static readonly DecoderConfig _qwen2 = TinyPolicy.Config with { Family = ModelFamily.Qwen2, RopeTheta = 1e6, NormEpsilon = 1e-6 };
    private static readonly DecoderConfig _qwen3 = TinyPolicy.Config with { Family = ModelFamily.Qwen3, HeadDimension = 32, NormEpsilon = 1e-6 };
    private static readonly DecoderConfig _gemma = TinyPolicy.Config with
    {
        Family = ModelFamily.Gemma,
        Activation = Activation.GeluTanh,
        KeyValueHeads = 1,
        HeadDimension = 32,
        NormEpsilon = 1e-6,
    };

    public static IReadOnlyList<FamilyCheckpoint> All { get; } =
    [
        new("llama, untied", _llama, "F32", 1),
        new("llama, tied, F16", _llama with { TieEmbeddings = true }, "F16", 1),
        new("llama, BF16, three shards", _llama, "BF16", 3),
        new("llama, a key head per query head, two shards", _llama with { KeyValueHeads = 4 }, "F32", 2),
        new("llama, linear scaling", _llama with { RopeScaling = _linear }, "F32", 1),
        new("llama, scaling of llama 3", _llama with { RopeScaling = _llama3 }, "F32", 1),
        new("llama, biases on all four projections", _llama with { OutputBias = true }, "F32", 1),
        new("mistral", TinyPolicy.Config with { Family = ModelFamily.Mistral, TieEmbeddings = false }, "BF16", 1),
        new("qwen2, tied", _qwen2, "F32", 1),
        new("qwen2, untied, BF16, two shards", _qwen2 with { TieEmbeddings = false, KeyValueHeads = 1 }, "BF16", 2),
        new("qwen2, F16, linear scaling", _qwen2 with { RopeScaling = _linear }, "F16", 1),
        new("qwen3, tied", _qwen3, "F32", 1),
        new("qwen3, untied, BF16", _qwen3 with { TieEmbeddings = false, KeyValueHeads = 4 }, "BF16", 1),
        new("qwen3, biases, F16, shards", _qwen3 with { OutputBias = true }, "F16", 4),
        new("gemma, tied", _gemma, "F32", 1),
        new("gemma, BF16, shards", _gemma with { KeyValueHeads = 2 }, "BF16", 2),
        new("gemma, untied, erf, F16", _gemma with { TieEmbeddings = false, Activation = Activation.Gelu }, "F16", 1),
    ];
}
