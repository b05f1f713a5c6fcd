using Microsoft.ML.OnnxRuntime;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Benchmarks;

/// <summary>The session of a scorer without our queue and buffers: every batch lies ready in memory, sorted by length, full, padded to its longest row.</summary>
internal sealed class BareSession : IDisposable
{
    private static readonly string[] _inputs = ["input_ids", "attention_mask", "token_type_ids"];
    private static readonly string[] _outputs = ["logits"];

    private readonly OnnxModel _model;
    private readonly RunOptions _options = new();
    private readonly List<OrtValue[]> _batches = [];

    public BareSession(ModelFolder folder, OnnxOptions options, IReadOnlyCollection<EncodedPair> pairs, int maxBatch)
    {
        _model = OnnxModel.Load(folder.File(ModelFiles.Graph), options);
        MeanLength = pairs.Average(pair => pair.Length);
        foreach (var batch in pairs.OrderBy(pair => pair.Length).Chunk(maxBatch))
        {
            var width = batch.Max(pair => pair.Length);
            long[] shape = [batch.Length, width];
            OrtValue Tensor(Func<EncodedPair, int, long> value) => OrtValue.CreateTensorValueFromMemory<long>(
                [.. batch.SelectMany(pair => Enumerable.Range(0, width).Select(i => i < pair.Length ? value(pair, i) : 0))], shape);
            _batches.Add([Tensor((pair, i) => pair.Ids[i]), Tensor((_, _) => 1), Tensor((pair, i) => pair.Types[i])]);
        }
    }

    /// <summary>Tokens a row.</summary>
    public double MeanLength { get; }

    public void Run()
    {
        foreach (var batch in _batches)
        {
            using var results = _model.Session.Run(_options, _inputs, batch, _outputs);
        }
    }

    public void Dispose()
    {
        _batches.ForEach(batch => Array.ForEach(batch, value => value.Dispose()));
        _options.Dispose();
        _model.Dispose();
    }
}
