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

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, DecoderConfig, string, int> Checkpoints =>
        new(FamilyCheckpoints.All.Select(sample => (sample.What, sample.Config, sample.DType, sample.Shards)));

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
