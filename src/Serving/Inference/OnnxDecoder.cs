using Microsoft.ML.OnnxRuntime;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Runs the graph of <see cref="DecoderGraph"/>. Keys, values, inputs and logits live in native buffers that are wrapped and bound once per number
/// of rows (or once per slot), past and present at the same address, so that a decode step writes a few numbers and runs. Not thread-safe.
/// </summary>
public sealed class OnnxDecoder : IDecoder
{
    private readonly OnnxModel _model;
    private readonly DecoderConfig _config;
    private readonly RunOptions _run = new();
    private readonly TensorBuffer<float>[] _cache;       // keys and values of layer i at 2i and 2i + 1, each [Slots + 1, kv, T, hd]
    private readonly TensorBuffer<float> _logits;
    private readonly TensorBuffer<long> _tokens;
    private readonly TensorBuffer<long> _logitRows;
    private readonly TensorBuffer<int> _lengths;         // of the rows after the call, less one
    private readonly TensorBuffer<int> _longest;
    private readonly OrtValue _longestValue;
    private readonly DecoderBinding?[] _decodes;         // by number of rows
    private readonly DecoderBinding?[] _prefills;        // by slot

    private OnnxDecoder(OnnxModel model, DecoderConfig config, InferenceOptions options)
    {
        _model = model;
        _config = config;
        Slots = options.Slots;
        ContextLength = options.ContextLength == 0 ? config.MaxPositions : Math.Min(options.ContextLength, config.MaxPositions);
        LargestPrefill = Math.Min(options.PrefillChunk, ContextLength);
        var rows = Math.Max(Slots, LargestPrefill);
        _cache = [.. Enumerable.Range(0, 2 * config.Layers).Select(_ => new TensorBuffer<float>((Slots + 1) * SlotSize))];
        _logits = new TensorBuffer<float>((long)rows * config.VocabularySize);
        _tokens = new TensorBuffer<long>(rows);
        _logitRows = new TensorBuffer<long>(rows);
        _lengths = new TensorBuffer<int>(rows);
        _longest = new TensorBuffer<int>(1);
        _longestValue = _longest.View(0, 1);
        _decodes = new DecoderBinding?[Slots + 1];
        _prefills = new DecoderBinding?[Slots + 1];
    }

    public int Slots { get; }

    public int ContextLength { get; }

    public int VocabularySize => _config.VocabularySize;

    public int LargestPrefill { get; }

    private long SlotSize => (long)_config.KeyValueHeads * ContextLength * _config.HeadDimension;

    /// <summary>Loads config.json and model.onnx of a policy folder.</summary>
    /// <exception cref="ModelException">A file is missing or damaged, or the graph is not the config's.</exception>
    public static OnnxDecoder Load(string folder, OnnxOptions onnx, InferenceOptions inference)
    {
        var config = DecoderConfig.Read(folder);
        var model = OnnxModel.Load(Path.Combine(folder, ModelFiles.Graph), onnx);
        try
        {
            CheckGraph(model, config);
            return new OnnxDecoder(model, config, inference);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public ReadOnlySpan<float> Prefill(int slot, ReadOnlySpan<int> tokens, int start, int logitRows)
    {
        var count = tokens.Length;
        CheckRange(count, 1, LargestPrefill, nameof(tokens));
        CheckRange(start, 0, ContextLength - count, nameof(start));
        CheckRange(logitRows, 1, count, nameof(logitRows));
        var ids = _tokens.First(count);
        for (var i = 0; i < count; i++)
        {
            ids[i] = tokens[i];
        }

        var positions = _logitRows.First(logitRows);
        for (var i = 0; i < logitRows; i++)
        {
            positions[i] = count - logitRows + i;
        }

        _lengths.First(1)[0] = start + count - 1;
        _longest.First(1)[0] = start + count;
        var binding = _prefills[slot] ??= Bind(slot, 1);
        using var idsView = _tokens.View(0, 1, count);
        using var positionsView = _logitRows.View(0, logitRows);
        using var logitsView = _logits.View(0, logitRows, VocabularySize);
        binding.Attach(idsView, positionsView, logitsView);
        _model.Session.RunWithBinding(_run, binding.Native);
        return _logits.First(logitRows * VocabularySize);
    }

    public ReadOnlySpan<float> Decode(ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths)
    {
        var rows = tokens.Length;
        CheckRange(rows, 1, Slots, nameof(tokens));
        var ids = _tokens.First(rows);
        var positions = _logitRows.First(rows);
        var last = _lengths.First(rows);
        var longest = 0;
        for (var i = 0; i < rows; i++)
        {
            CheckRange(lengths[i], 1, ContextLength - 1, nameof(lengths));
            ids[i] = tokens[i];
            positions[i] = i;
            last[i] = lengths[i];
            longest = Math.Max(longest, lengths[i] + 1);
        }

        _longest.First(1)[0] = longest;
        _model.Session.RunWithBinding(_run, (_decodes[rows] ??= BindDecode(rows)).Native);
        return _logits.First(rows * VocabularySize);
    }

    public unsafe void CopySlot(int source, int target, int length)
    {
        CheckRange(length, 0, ContextLength, nameof(length));
        var head = (long)ContextLength * _config.HeadDimension;
        var bytes = (long)length * _config.HeadDimension * sizeof(float);
        foreach (var buffer in _cache)
        {
            for (var i = 0; i < _config.KeyValueHeads; i++)
            {
                var start = buffer.Pointer + (source * SlotSize) + (i * head);
                Buffer.MemoryCopy(start, buffer.Pointer + (target * SlotSize) + (i * head), bytes, bytes);
            }
        }
    }

    public void Dispose()
    {
        foreach (var binding in _decodes.Concat(_prefills))
        {
            binding?.Dispose();
        }

        _longestValue.Dispose();
        _run.Dispose();
        _model.Dispose();
        Array.ForEach(_cache, buffer => buffer.Dispose());
        _logits.Dispose();
        _tokens.Dispose();
        _logitRows.Dispose();
        _lengths.Dispose();
        _longest.Dispose();
    }

    private DecoderBinding BindDecode(int rows)
    {
        var binding = Bind(0, rows);
        binding.Attach(binding.Own(_tokens.View(0, rows, 1)), binding.Own(_logitRows.View(0, rows)), binding.Own(_logits.View(0, rows, VocabularySize)));
        return binding;
    }

    /// <summary>Binds what does not change between calls: the caches of <paramref name="rows"/> slots from <paramref name="slot"/> on, and the lengths.</summary>
    private DecoderBinding Bind(int slot, int rows)
    {
        var binding = new DecoderBinding(_model.Session);
        binding.Native.BindInput("seqlens_k", binding.Own(_lengths.View(0, rows)));
        binding.Native.BindInput("total_sequence_length", _longestValue);
        for (var i = 0; i < _cache.Length; i++)
        {
            var name = $"{i / 2}.{(i % 2 == 0 ? "key" : "value")}";
            var view = binding.Own(_cache[i].View(slot * SlotSize, rows, _config.KeyValueHeads, ContextLength, _config.HeadDimension));
            binding.Native.BindInput($"past_key_values.{name}", view);
            binding.Native.BindOutput($"present.{name}", view);
        }

        return binding;
    }

    /// <summary>A graph of another shape would read beyond the buffers, so its declared inputs must be exactly those of the config.</summary>
    private static void CheckGraph(OnnxModel model, DecoderConfig config)
    {
        var inputs = model.Session.InputMetadata;
        var outputs = model.Session.OutputMetadata;
        var fits = inputs.Count == 4 + (2 * config.Layers)
            && inputs.ContainsKey("logit_rows")
            && outputs.TryGetValue("logits", out var logits)
            && logits.Dimensions[^1] == config.VocabularySize;
        for (var i = 0; fits && i < config.Layers; i++)
        {
            fits = inputs.TryGetValue($"past_key_values.{i}.key", out var key)
                && key.Dimensions[1] == config.KeyValueHeads
                && key.Dimensions[3] == config.HeadDimension;
        }

        if (!fits)
        {
            throw new ModelException($"{model.Path}: the graph is not that of {ModelFiles.Config} beside it. Write it again from the config and the weights.");
        }
    }

    private static void CheckRange(int value, int least, int most, string name)
    {
        // Out of range here means memory overwritten in native code, so the check stays in release builds.
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"Must lie between {least} and {most}.");
        }
    }
}
