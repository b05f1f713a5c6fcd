using Microsoft.ML.OnnxRuntime;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Onnx;

public sealed class EncoderGraphTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Logits_equal_a_double_precision_forward_whatever_the_padding(int labels)
    {
        var config = TinyScorer.Config(((string[])["a", "b"])[..labels]);
        TinyScorer.Write(_folder.Path, config, seed: 7);
        using var model = OnnxModel.Load(_folder.File(ModelFiles.Graph), new OnnxOptions { Threads = 1 });
        var reference = new EncoderReference(config, TinyScorer.Weights(config, seed: 7));
        var random = new Random(3);
        var rows = ((int[])[1, 5, 40]).Select(length => (
            Ids: Enumerable.Range(0, length).Select(_ => random.Next(config.VocabularySize)).ToArray(),
            Types: Enumerable.Range(0, length).Select(_ => random.Next(config.TypeVocabularySize)).ToArray())).ToArray();

        var logits = Run(model, rows, padded: 48);

        for (var row = 0; row < rows.Length; row++)
        {
            var expected = reference.Logits(rows[row].Ids, rows[row].Types);
            Assert.True(expected.Max(Math.Abs) > 0.05);        // not a comparison of zeros
            for (var label = 0; label < labels; label++)
            {
                Assert.Equal(expected[label], logits[(row * labels) + label], 1e-4);
            }
        }
    }

    [Fact]
    public void The_graph_file_stays_small_because_the_weights_lie_beside_it()
    {
        TinyScorer.Write(_folder.Path, TinyScorer.Config(TinyScorer.RewardLabels), seed: 1);

        Assert.InRange(new FileInfo(_folder.File(ModelFiles.Graph)).Length, 1, 40_000);
    }

    [Fact]
    public void A_missing_or_misshapen_tensor_is_named()
    {
        var config = TinyScorer.Config(TinyScorer.RewardLabels);
        TinyScorer.Write(_folder.Path, config, seed: 1);
        var weights = TinyScorer.Weights(config, seed: 1);

        SafetensorsWriter.Write(_folder.File(ModelFiles.Weights), [.. weights.Where(tensor => tensor.Name != "bert.pooler.dense.bias")]);
        var missing = Assert.Throws<ModelWeightsException>(() => EncoderGraph.Write(_folder.Path));
        (config with { IntermediateSize = 64 }).Write(_folder.Path);
        var misshapen = Assert.Throws<ModelWeightsException>(() => EncoderGraph.Write(_folder.Path));

        Assert.Contains("\"bert.pooler.dense.bias\" is missing", missing.Message);
        Assert.Contains("\"bert.encoder.layer.0.intermediate.dense.weight\" has shape [48, 32]", misshapen.Message);
    }

    private static float[] Run(OnnxModel model, (int[] Ids, int[] Types)[] rows, int padded)
    {
        long[] shape = [rows.Length, padded];
        using var ids = OrtValue.CreateTensorValueFromMemory(Pad(row => row.Ids, 9), shape);
        using var mask = OrtValue.CreateTensorValueFromMemory(Pad(row => [.. row.Ids.Select(_ => 1)], 0), shape);
        using var types = OrtValue.CreateTensorValueFromMemory(Pad(row => row.Types, 1), shape);
        using var options = new RunOptions();
        using var results = model.Session.Run(options, ["input_ids", "attention_mask", "token_type_ids"], [ids, mask, types], ["logits"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();

        long[] Pad(Func<(int[] Ids, int[] Types), int[]> pick, long filler) =>
            [.. rows.SelectMany(row => pick(row).Select(value => (long)value).Concat(Enumerable.Repeat(filler, padded - row.Ids.Length)))];
    }
}
