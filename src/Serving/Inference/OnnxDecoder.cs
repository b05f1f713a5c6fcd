using Microsoft.ML.OnnxRuntime;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Runs the graph of <see cref="DecoderGraph"/>, ONNX Runtime's own operators only, so on any execution provider. Keys, values, inputs and logits live in
/// native buffers that are wrapped and bound once, past and present at the same address. Every row reserves memory for the whole context, and a fork
/// copies. Rows that lie one after the other decode together; prompts run alone. Not thread-safe.
/// </summary>
public sealed class OnnxDecoder : IDecoder
{
    private readonly OnnxModel _model;
    private readonly DecoderConfig _config;
    private readonly RunOptions _run = new();
    private readonly TensorBuffer<float>[] _cache;       // keys and values of layer i at 2i and 2i + 1, each [Rows, kv, T, hd]
    private readonly TensorBuffer<float> _logits;        // of one call of the graph
    private readonly TensorBuffer<float> _results;       // of the step
    private readonly TensorBuffer<long> _tokens;
    private readonly TensorBuffer<long> _logitRows;
    private readonly TensorBuffer<int> _lengths;         // of the rows after the call, less one
    private readonly TensorBuffer<int> _longest;
    private readonly OrtValue _longestValue;
    private readonly Dictionary<(int Row, int Rows), DecoderBinding> _bindings = [];
    private readonly int[] _rowLengths;                  // -1 = closed

    private OnnxDecoder(OnnxModel model, DecoderConfig config, InferenceOptions options)
    {
        _model = model;
        _config = config;
        Rows = options.Slots + 1;
        ContextLength = options.ContextLength == 0 ? config.MaxPositions : Math.Min(options.ContextLength, config.MaxPositions);
        LargestStep = StepLimits.Tokens(options);
        _cache = [.. Enumerable.Range(0, 2 * config.Layers).Select(_ => new TensorBuffer<float>(Rows * RowSize))];
        _logits = new TensorBuffer<float>((long)LargestStep * config.VocabularySize);
        _results = new TensorBuffer<float>((long)LargestStep * config.VocabularySize);
        _tokens = new TensorBuffer<long>(LargestStep);
        _logitRows = new TensorBuffer<long>(LargestStep);
        _lengths = new TensorBuffer<int>(Rows);
        _longest = new TensorBuffer<int>(1);
        _longestValue = _longest.View(0, 1);
        _rowLengths = [.. Enumerable.Repeat(-1, Rows)];
    }

    public int ContextLength { get; }

    public int VocabularySize => _config.VocabularySize;

    public int Rows { get; }

    public int LargestStep { get; }

    public bool SharesRows => false;

    private long RowSize => (long)_config.KeyValueHeads * ContextLength * _config.HeadDimension;

    /// <summary>Loads config.json and model.onnx of a policy folder.</summary>
    /// <exception cref="ModelException">A file is missing or damaged, or the graph is not the config's.</exception>
    public static OnnxDecoder Load(string folder, OnnxOptions onnx, InferenceOptions inference)
    {
        var config = DecoderConfig.Read(folder);
        var model = OnnxModel.Load(Path.Combine(folder, ModelFiles.Graph), onnx);
        try
        {
            CheckGraph(model, config);
            StepLimits.Require(model.Path, config.VocabularySize, inference);
            return new OnnxDecoder(model, config, inference);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public int Open()
    {
        var row = Array.IndexOf(_rowLengths, -1);
        if (row < 0)
        {
            throw new InvalidOperationException($"All {Rows} rows are open.");
        }

        _rowLengths[row] = 0;
        return row;
    }

    public int Fork(int row, int length)
    {
        CheckRange(length, 0, _rowLengths[row], nameof(length));
        var fork = Open();
        Copy(row, fork, length);
        _rowLengths[fork] = length;
        return fork;
    }

    public void Close(int row) => _rowLengths[row] = -1;

    public ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions)
    {
        CheckRange(tokens.Length, 1, LargestStep, nameof(tokens));
        var first = 0;
        for (var i = 0; i < runs.Length;)
        {
            // Rows that lie one after the other and grow by one token are a view of the buffers.
            var end = i + 1;
            while (end < runs.Length && runs[i].Count == 1 && runs[end].Count == 1 && runs[end].Row == runs[end - 1].Row + 1)
            {
                end++;
            }

            var count = runs[i].Count == 1 ? end - i : runs[i].Count;
            RunTogether(runs[i..end], tokens.Slice(first, count), first, logitPositions);
            first += count;
            i = end;
        }

        return _results.First(logitPositions.Length * VocabularySize);
    }

    public void Dispose()
    {
        foreach (var binding in _bindings.Values)
        {
            binding.Dispose();
        }

        _longestValue.Dispose();
        _run.Dispose();
        _model.Dispose();
        Array.ForEach(_cache, buffer => buffer.Dispose());
        _logits.Dispose();
        _results.Dispose();
        _tokens.Dispose();
        _logitRows.Dispose();
        _lengths.Dispose();
        _longest.Dispose();
    }

    /// <summary>One call of the graph: several rows by a token each, or one row by several.</summary>
    private void RunTogether(ReadOnlySpan<RowTokens> runs, ReadOnlySpan<int> tokens, int first, ReadOnlySpan<int> logitPositions)
    {
        var longest = 0;
        for (var i = 0; i < runs.Length; i++)
        {
            ref var length = ref _rowLengths[runs[i].Row];
            CheckRange(length, 0, ContextLength - runs[i].Count, nameof(runs));
            length += runs[i].Count;
            _lengths.First(Rows)[i] = length - 1;
            longest = Math.Max(longest, length);
        }

        _longest.First(1)[0] = longest;
        for (var i = 0; i < tokens.Length; i++)
        {
            _tokens.First(tokens.Length)[i] = tokens[i];
        }

        var wanted = 0;
        _logitRows.First(1)[0] = 0;          // the graph always gives some: the first token's, when none are wanted
        foreach (var position in logitPositions)
        {
            if (position >= first && position < first + tokens.Length)
            {
                _logitRows.First(tokens.Length)[wanted++] = position - first;
            }
        }

        var rows = Math.Max(1, wanted);
        if (!_bindings.TryGetValue((runs[0].Row, runs.Length), out var binding))
        {
            binding = _bindings[(runs[0].Row, runs.Length)] = Bind(runs[0].Row, runs.Length);
        }

        using var ids = _tokens.View(0, runs.Length, tokens.Length / runs.Length);
        using var positions = _logitRows.View(0, rows);
        using var logits = _logits.View(0, rows, VocabularySize);
        binding.Attach(ids, positions, logits);
        _model.Session.RunWithBinding(_run, binding.Native);
        var next = 0;
        for (var i = 0; i < logitPositions.Length; i++)
        {
            if (logitPositions[i] >= first && logitPositions[i] < first + tokens.Length)
            {
                var source = _logits.First((next + 1) * VocabularySize)[(next++ * VocabularySize)..];
                source.CopyTo(_results.First((i + 1) * VocabularySize)[(i * VocabularySize)..]);
            }
        }
    }

    private unsafe void Copy(int source, int target, int length)
    {
        var head = (long)ContextLength * _config.HeadDimension;
        var bytes = (long)length * _config.HeadDimension * sizeof(float);
        foreach (var buffer in _cache)
        {
            for (var i = 0; i < _config.KeyValueHeads; i++)
            {
                var start = buffer.Pointer + (source * RowSize) + (i * head);
                Buffer.MemoryCopy(start, buffer.Pointer + (target * RowSize) + (i * head), bytes, bytes);
            }
        }
    }

    /// <summary>Binds what does not change between calls: the caches of some rows, and their lengths.</summary>
    private DecoderBinding Bind(int row, int rows)
    {
        var binding = new DecoderBinding(_model.Session);
        binding.Native.BindInput("seqlens_k", binding.Own(_lengths.View(0, rows)));
        binding.Native.BindInput("total_sequence_length", _longestValue);
        for (var i = 0; i < _cache.Length; i++)
        {
            var name = $"{i / 2}.{(i % 2 == 0 ? "key" : "value")}";
            var view = binding.Own(_cache[i].View(row * RowSize, rows, _config.KeyValueHeads, ContextLength, _config.HeadDimension));
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
