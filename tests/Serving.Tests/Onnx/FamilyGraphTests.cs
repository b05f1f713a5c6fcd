using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Onnx;

/// <summary>Random checkpoints of every family in Hugging Face's layout, served in fp32, against the reference in double precision.</summary>
public sealed class FamilyGraphTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private static readonly OnnxOptions _onnx = new() { Threads = 1 };
    private static readonly InferenceOptions _options = new() { Slots = 5, PrefillChunk = 64 };
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

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig, string, int> Checkpoints => new()
    {
        { "llama, untied", _llama, "F32", 1 },
        { "llama, tied, F16", _llama with { TieEmbeddings = true }, "F16", 1 },
        { "llama, BF16, three shards", _llama, "BF16", 3 },
        { "llama, a key head per query head, two shards", _llama with { KeyValueHeads = 4 }, "F32", 2 },
        { "llama, linear scaling", _llama with { RopeScaling = _linear }, "F32", 1 },
        { "llama, scaling of llama 3", _llama with { RopeScaling = _llama3 }, "F32", 1 },
        { "llama, biases on all four projections", _llama with { OutputBias = true }, "F32", 1 },
        { "mistral", TinyPolicy.Config with { Family = ModelFamily.Mistral, TieEmbeddings = false }, "BF16", 1 },
        { "qwen2, tied", _qwen2, "F32", 1 },
        { "qwen2, untied, BF16, two shards", _qwen2 with { TieEmbeddings = false, KeyValueHeads = 1 }, "BF16", 2 },
        { "qwen2, F16, linear scaling", _qwen2 with { RopeScaling = _linear }, "F16", 1 },
        { "qwen3, tied", _qwen3, "F32", 1 },
        { "qwen3, untied, BF16", _qwen3 with { TieEmbeddings = false, KeyValueHeads = 4 }, "BF16", 1 },
        { "qwen3, biases, F16, shards", _qwen3 with { OutputBias = true }, "F16", 4 },
        { "gemma, tied", _gemma, "F32", 1 },
        { "gemma, BF16, shards", _gemma with { KeyValueHeads = 2 }, "BF16", 2 },
        { "gemma, untied, erf, F16", _gemma with { TieEmbeddings = false, Activation = Activation.Gelu }, "F16", 1 },
    };

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void The_graph_for_any_provider_equals_the_reference(string what, DecoderConfig config, string dtype, int shards)
    {
        var weights = HubFolder.Write(_folder.Path, config, seed: 7, dtype, shards);
        DecoderGraph.Write(_folder.Path);
        using var decoder = OnnxDecoder.Load(_folder.Path, _onnx, _options);

        Assert.All(DecoderCheck.Differences(decoder, config, weights), check => Assert.True(check.Difference < Tolerance, $"{what}, {check.What}: {check.Difference:g3}"));
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void The_decoder_over_pages_equals_the_reference(string what, DecoderConfig config, string dtype, int shards)
    {
        var weights = HubFolder.Write(_folder.Path, config, seed: 7, dtype, shards);
        using var decoder = PagedDecoder.Load(_folder.Path, _onnx, _options);

        Assert.All(DecoderCheck.Differences(decoder, config, weights), check => Assert.True(check.Difference < Tolerance, $"{what}, {check.What}: {check.Difference:g3}"));
    }
}
