using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Serving.Trainer.Policy;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Policy;

/// <summary>Random checkpoints of every family in Hugging Face's layout: the module that trains them is the model that is served.</summary>
public sealed class PolicyFamilyTests : IDisposable
{
    private const float Tolerance = 1e-4f;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, DecoderConfig, string, int> Checkpoints =>
        new(FamilyCheckpoints.All.Select(sample => (sample.What, sample.Config, sample.DType, sample.Shards)));

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void The_module_has_the_logits_of_the_graph(string what, DecoderConfig config, string dtype, int shards)
    {
        HubFolder.Write(_folder.Path, config, seed: 7, dtype, shards);
        DecoderGraph.Write(_folder.Path);
        var tokens = Enumerable.Range(0, 60).Select(i => 4 + (i * 37 % (config.VocabularySize - 4))).ToArray();
        using var scope = NewDisposeScope();
        using var policy = PolicyWeights.Load(_folder.Path);
        using var quiet = no_grad();
        var trained = policy.Logits(tensor(tokens.Select(token => (long)token).ToArray()).unsqueeze(0)).ToFloats();

        using var decoder = OnnxDecoder.Load(_folder.Path, new OnnxOptions { Threads = 1 }, new InferenceOptions { Slots = 2, PrefillChunk = 64 });
        var served = decoder.Run([new RowTokens(decoder.Open(), tokens.Length)], tokens, [.. Enumerable.Range(0, tokens.Length)]);

        Assert.True(trained.Max() - trained.Min() > 0.5f, "The logits are too flat to tell anything.");
        Assert.Equal(served.Length, trained.Length);
        var largest = trained.Zip(served.ToArray(), (left, right) => Math.Abs(left - right)).Max();
        Assert.True(largest < Tolerance, $"{what}: logits differ by {largest:g3}");
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void What_is_written_is_one_file_of_the_same_weights_in_fp32(string what, DecoderConfig config, string dtype, int shards)
    {
        var weights = HubFolder.Write(_folder.File("read"), config, seed: 7, dtype, shards);
        using var policy = PolicyWeights.Load(_folder.File("read"));
        Directory.CreateDirectory(_folder.File("written"));

        PolicyWeights.Write(policy, _folder.File("written"));

        using var file = SafetensorsFile.Open(_folder.File("written/" + ModelFiles.Weights));
        Assert.Equal(DecoderTensors.Of(config).Select(tensor => tensor.Name), file.Tensors.Values.OrderBy(entry => entry.Offset).Select(entry => entry.Name));
        Assert.All(weights, tensor => Assert.True(tensor.Values.Span.SequenceEqual(file.ReadFloats(tensor.Name)), $"{what}: {tensor.Name}"));
        Assert.Equal(config with { EosTokenIds = [] }, DecoderConfig.Read(_folder.File("written")) with { EosTokenIds = [] });
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Random_weights_begin_with_norms_that_multiply_by_1_and_biases_of_0(string what, DecoderConfig config, string dtype, int shards)
    {
        _ = (dtype, shards);
        using var policy = new PolicyModule(config, seed: 3);
        Directory.CreateDirectory(_folder.Path);

        PolicyWeights.WriteTensors(policy, _folder.File(ModelFiles.Weights));

        using var file = SafetensorsFile.Open(_folder.File(ModelFiles.Weights));
        var one = config.UnitOffsetNorm ? 0f : 1f;
        Assert.All(file.Tensors.Keys.Where(name => name.EndsWith("norm.weight", StringComparison.Ordinal)), name => Assert.All(file.ReadFloats(name), value => Assert.Equal(one, value)));
        Assert.All(file.Tensors.Keys.Where(name => name.EndsWith(".bias", StringComparison.Ordinal)), name => Assert.All(file.ReadFloats(name), value => Assert.Equal(0, value)));
        Assert.True(policy.parameters().Sum(parameter => parameter.numel()) == config.Parameters, what);
    }

    public void Dispose() => _folder.Dispose();
}
