using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Runs decoder graphs of others in the convention of Hugging Face's optimum: input_ids [B, S], attention_mask [B, T], position_ids [B, S] (if the
/// graph has it) and past_key_values.i.{key,value} [B, kv, T - S, hd] to logits [B, S, V] and present.i.{key,value} [B, kv, T, hd], keys, values
/// and logits in fp32 or fp16. Every row runs by itself, so its bits never depend on its neighbours: correct, not fast. Our own graph of the same
/// checkpoint, which the verb "import" writes, decodes rows together. Not thread-safe.
/// </summary>
public sealed class OptimumDecoder : IDecoder
{
    /// <summary>Logits are handed out as one span.</summary>
    private const int LargestSpan = int.MaxValue;

    private readonly OnnxModel _model;
    private readonly OptimumGraph _graph;
    private readonly RunOptions _run = new();
    private readonly ConcatenatedCache _cache;
    private readonly TensorBuffer<long> _tokens;
    private readonly TensorBuffer<long> _positions;
    private readonly TensorBuffer<long> _mask;               // ones
    private readonly TensorBuffer<float> _logits;            // [rows, V]
    private readonly TensorBuffer<float>? _halves;           // where an fp16 graph writes its logits, two to a float

    private OptimumDecoder(OnnxModel model, OptimumGraph graph, InferenceOptions options)
    {
        _model = model;
        _graph = graph;
        Slots = options.Slots;
        ContextLength = options.ContextLength == 0 ? graph.MaxPositions : Math.Min(options.ContextLength, graph.MaxPositions);
        LargestPrefill = Math.Min(Math.Min(options.PrefillChunk, ContextLength), LargestSpan / VocabularySize);
        _cache = new ConcatenatedCache(Slots + 1, 2 * graph.Layers, graph.KeyValueHeads, ContextLength, graph.HeadDimension, graph.CacheType);
        _tokens = new TensorBuffer<long>(LargestPrefill);
        _positions = new TensorBuffer<long>(LargestPrefill);
        _mask = new TensorBuffer<long>(ContextLength);
        _mask.First(ContextLength).Fill(1);
        _logits = new TensorBuffer<float>((long)Math.Max(Slots, LargestPrefill) * VocabularySize);
        _halves = graph.LogitsType == TensorElementType.Float16 ? new TensorBuffer<float>((((long)LargestPrefill * VocabularySize) + 1) / 2) : null;
    }

    public int Slots { get; }

    public int ContextLength { get; }

    public int VocabularySize => _graph.VocabularySize;

    public int LargestPrefill { get; }

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
            return (long)inference.Slots * config.VocabularySize <= LargestSpan
                ? new OptimumDecoder(model, OptimumGraph.Read(model, config), inference)
                : throw new ModelException($"{model.Path}: logits of {inference.Slots} rows do not fit; lower {InferenceOptions.Section}:{nameof(inference.Slots)}.");
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public ReadOnlySpan<float> Prefill(int slot, ReadOnlySpan<int> tokens, int start, int logitRows)
    {
        Require(slot, 0, Slots, nameof(slot));
        Require(tokens.Length, 1, LargestPrefill, nameof(tokens));
        Require(start, 0, ContextLength - tokens.Length, nameof(start));
        Require(logitRows, 1, tokens.Length, nameof(logitRows));
        Run(slot, tokens, start, 0);
        var first = tokens.Length - logitRows;
        return _logits.First(tokens.Length * VocabularySize)[(first * VocabularySize)..];
    }

    public ReadOnlySpan<float> Decode(ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths)
    {
        Require(tokens.Length, 1, Slots, nameof(tokens));
        Require(lengths.Length, tokens.Length, tokens.Length, nameof(lengths));
        for (var row = 0; row < tokens.Length; row++)
        {
            Require(lengths[row], 1, ContextLength - 1, nameof(lengths));
            Run(row, tokens.Slice(row, 1), lengths[row], row);
        }

        return _logits.First(tokens.Length * VocabularySize);
    }

    public void CopySlot(int source, int target, int length)
    {
        Require(source, 0, Slots, nameof(source));
        Require(target, 0, Slots, nameof(target));
        Require(length, 0, ContextLength, nameof(length));
        _cache.Copy(source, target, length);
    }

    public void Dispose()
    {
        _run.Dispose();
        _model.Dispose();
        _cache.Dispose();
        _tokens.Dispose();
        _positions.Dispose();
        _mask.Dispose();
        _logits.Dispose();
        _halves?.Dispose();
    }

    /// <summary>Appends tokens to a slot that is to hold <paramref name="start"/> before; their logits go to the rows from <paramref name="row"/> on.</summary>
    private void Run(int slot, ReadOnlySpan<int> tokens, int start, int row)
    {
        _cache.Truncate(slot, start);
        var ids = _tokens.First(tokens.Length);
        var positions = _positions.First(tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            ids[i] = tokens[i];
            positions[i] = start + i;
        }

        using (var binding = new DecoderBinding(_model.Session))
        {
            binding.Native.BindInput("input_ids", binding.Own(_tokens.View(0, 1, tokens.Length)));
            binding.Native.BindInput("attention_mask", binding.Own(_mask.View(0, 1, start + tokens.Length)));
            if (_graph.TakesPositions)
            {
                binding.Native.BindInput("position_ids", binding.Own(_positions.View(0, 1, tokens.Length)));
            }

            for (var part = 0; part < 2 * _graph.Layers; part++)
            {
                binding.Native.BindInput(OptimumGraph.Past(part), binding.Own(_cache.Past(slot, part)));
                binding.Native.BindOutput(OptimumGraph.Present(part), binding.Own(_cache.Present(slot, part, tokens.Length)));
            }

            binding.Native.BindOutput("logits", binding.Own(LogitsView(row, tokens.Length)));
            _model.Session.RunWithBinding(_run, binding.Native);
        }

        _cache.Commit(slot, tokens.Length);
        WidenLogits(row, tokens.Length);
    }

    private unsafe OrtValue LogitsView(int row, int count) => _halves is null
        ? _logits.View((long)row * VocabularySize, 1, count, VocabularySize)
        : OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, TensorElementType.Float16, [1, count, VocabularySize], (nint)_halves.Pointer, (long)count * VocabularySize * sizeof(Half));

    private unsafe void WidenLogits(int row, int count)
    {
        if (_halves is not null)
        {
            var target = new Span<float>(_logits.Pointer + ((long)row * VocabularySize), count * VocabularySize);
            TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(_halves.Pointer, target.Length), target);
        }
    }

    private static void Require(int value, int least, int most, string name)
    {
        // Out of range here means memory overwritten in native code, so the check stays in release builds.
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"Must lie between {least} and {most}.");
        }
    }
}
