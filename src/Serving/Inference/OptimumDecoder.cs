using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Runs decoder graphs of others in the convention of Hugging Face's optimum: input_ids [B, S], attention_mask [B, T], position_ids [B, S] (if the
/// graph has it) and past_key_values.i.{key,value} [B, kv, T - S, hd] to logits [B, S, V] and present.i.{key,value} [B, kv, T, hd], keys, values
/// and logits in fp32 or fp16. Every row runs by itself, so its bits never depend on its neighbours (they do depend on how its prompt was cut), and
/// reserves memory for the whole context: correct, not fast. Our own graph of the same checkpoint decodes rows together. Not thread-safe.
/// </summary>
public sealed class OptimumDecoder : IDecoder
{
    private readonly OnnxModel _model;
    private readonly OptimumGraph _graph;
    private readonly RunOptions _run = new();
    private readonly ConcatenatedCache _cache;
    private readonly bool[] _open;
    private readonly TensorBuffer<long> _tokens;
    private readonly TensorBuffer<long> _positions;
    private readonly TensorBuffer<long> _mask;               // ones
    private readonly TensorBuffer<float> _written;           // what the graph writes for one row, [S, V]; of fp16, two values to a float
    private readonly TensorBuffer<float> _logits;            // of the step

    private OptimumDecoder(OnnxModel model, OptimumGraph graph, InferenceOptions options)
    {
        _model = model;
        _graph = graph;
        Rows = options.Slots + 1;
        ContextLength = options.ContextLength == 0 ? graph.MaxPositions : Math.Min(options.ContextLength, graph.MaxPositions);
        LargestStep = StepLimits.Tokens(options);
        _open = new bool[Rows];
        _cache = new ConcatenatedCache(Rows, 2 * graph.Layers, graph.KeyValueHeads, ContextLength, graph.HeadDimension, graph.CacheType);
        _tokens = new TensorBuffer<long>(LargestStep);
        _positions = new TensorBuffer<long>(LargestStep);
        _mask = new TensorBuffer<long>(ContextLength);
        _mask.First(ContextLength).Fill(1);
        _written = new TensorBuffer<float>((long)LargestStep * VocabularySize);
        _logits = new TensorBuffer<float>((long)LargestStep * VocabularySize);
    }

    public int ContextLength { get; }

    public int VocabularySize => _graph.VocabularySize;

    public int Rows { get; }

    public int LargestStep { get; }

    public bool SharesRows => false;

    /// <summary>Whether a graph is of this kind; ours has no attention_mask.</summary>
    public static bool Matches(OnnxModel model) => OptimumGraph.Matches(model);

    /// <summary>Loads config.json and model.onnx of a folder.</summary>
    /// <exception cref="ModelException">A file is missing or damaged, or the graph is not of this kind or not that of the config.</exception>
    public static OptimumDecoder Load(string folder, OnnxOptions onnx, InferenceOptions inference)
    {
        var config = DecoderConfig.Read(folder);
        var model = OnnxModel.Load(Path.Combine(folder, ModelFiles.Graph), onnx);
        try
        {
            var graph = OptimumGraph.Read(model, config);
            StepLimits.Require(model.Path, graph.VocabularySize, inference);
            return new OptimumDecoder(model, graph, inference);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public int Open()
    {
        var row = Array.IndexOf(_open, false);
        if (row < 0)
        {
            throw new InvalidOperationException($"All {Rows} rows are open.");
        }

        _open[row] = true;
        _cache.Clear(row);
        return row;
    }

    public int Fork(int row, int length)
    {
        RequireOpen(row);
        Require(length, 0, _cache.Length(row), nameof(length));
        var fork = Open();
        _cache.Copy(row, fork, length);
        return fork;
    }

    public void Close(int row)
    {
        RequireOpen(row);
        _open[row] = false;
    }

    public ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions)
    {
        Check(runs, tokens, logitPositions);
        var first = 0;
        foreach (var run in runs)
        {
            RunOne(run.Row, tokens.Slice(first, run.Count));
            for (var i = 0; i < logitPositions.Length; i++)
            {
                if (logitPositions[i] >= first && logitPositions[i] < first + run.Count)
                {
                    CopyLogits(logitPositions[i] - first, i);
                }
            }

            first += run.Count;
        }

        return _logits.First(logitPositions.Length * VocabularySize);
    }

    public void Dispose()
    {
        _run.Dispose();
        _model.Dispose();
        _cache.Dispose();
        _tokens.Dispose();
        _positions.Dispose();
        _mask.Dispose();
        _written.Dispose();
        _logits.Dispose();
    }

    private void RunOne(int row, ReadOnlySpan<int> tokens)
    {
        var held = _cache.Length(row);
        Require(tokens.Length, 1, ContextLength - held, nameof(tokens));       // again, for a row that is named twice
        var ids = _tokens.First(tokens.Length);
        var positions = _positions.First(tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            ids[i] = tokens[i];
            positions[i] = held + i;
        }

        using (var binding = new DecoderBinding(_model.Session))
        {
            binding.Native.BindInput("input_ids", binding.Own(_tokens.View(0, 1, tokens.Length)));
            binding.Native.BindInput("attention_mask", binding.Own(_mask.View(0, 1, held + tokens.Length)));
            if (_graph.TakesPositions)
            {
                binding.Native.BindInput("position_ids", binding.Own(_positions.View(0, 1, tokens.Length)));
            }

            for (var part = 0; part < 2 * _graph.Layers; part++)
            {
                binding.Native.BindInput(OptimumGraph.Past(part), binding.Own(_cache.Past(row, part)));
                binding.Native.BindOutput(OptimumGraph.Present(part), binding.Own(_cache.Present(row, part, tokens.Length)));
            }

            binding.Native.BindOutput("logits", binding.Own(WrittenView(tokens.Length)));
            _model.Session.RunWithBinding(_run, binding.Native);
        }

        _cache.Commit(row, tokens.Length);
    }

    private unsafe OrtValue WrittenView(int count)
    {
        var bytes = (long)count * VocabularySize * (_graph.LogitsType == TensorElementType.Float16 ? sizeof(Half) : sizeof(float));
        return OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, _graph.LogitsType, [1, count, VocabularySize], (nint)_written.Pointer, bytes);
    }

    private unsafe void CopyLogits(int from, int to)
    {
        var target = new Span<float>(_logits.Pointer + ((long)to * VocabularySize), VocabularySize);
        var start = (long)from * VocabularySize;
        if (_graph.LogitsType == TensorElementType.Float16)
        {
            TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)_written.Pointer + start, VocabularySize), target);
        }
        else
        {
            new ReadOnlySpan<float>(_written.Pointer + start, VocabularySize).CopyTo(target);
        }
    }

    /// <summary>Out of range here means memory overwritten in native code, so the checks stay in release builds.</summary>
    private void Check(ReadOnlySpan<RowTokens> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<int> logitPositions)
    {
        Require(tokens.Length, 1, LargestStep, nameof(tokens));
        Require(logitPositions.Length, 1, tokens.Length, nameof(logitPositions));
        var total = 0;
        foreach (var run in runs)
        {
            RequireOpen(run.Row);
            Require(run.Count, 1, ContextLength - _cache.Length(run.Row), nameof(runs));
            total += run.Count;
        }

        Require(total, tokens.Length, tokens.Length, nameof(runs));
        foreach (var position in logitPositions)
        {
            Require(position, 0, tokens.Length - 1, nameof(logitPositions));
        }
    }

    private void RequireOpen(int row)
    {
        if ((uint)row >= (uint)Rows || !_open[row])
        {
            throw new ArgumentException($"Row {row} is not open.", nameof(row));
        }
    }

    private static void Require(int value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"Must lie between {least} and {most}.");
        }
    }
}
