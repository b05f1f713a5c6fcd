using Microsoft.ML.OnnxRuntime;
using Serving.Kernels;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Runs a policy folder on the CPU: one graph of matrix products for a flat list of tokens (<see cref="PagedGraph"/>), keys and values in shared pages
/// (<see cref="KvPages"/>). Prompts, running answers and the candidates of one prompt go through the same step; rows that share pages read them once. A
/// row's bits do not depend on the rest of the step, on how its prompt was cut, or on what was reused. Not thread-safe.
/// </summary>
public sealed unsafe class PagedDecoder : IDecoder
{
    private const long LargestRotation = 1 << 28;        // values of the rotary table: 1 GB

    /// <summary>Parameters up to which a second thread brought nothing in 8 bits (measured to 110 M; perf/RESULTS.md).</summary>
    private const long LargestSingleThreaded = 200_000_000;

    private readonly DecoderConfig _config;
    private readonly DecoderWeights _weights;
    private readonly KvPages _pages;
    private readonly DecoderOperators _operators;
    private readonly OperatorDomain _domain;
    private readonly OnnxModel _model;
    private readonly TensorBuffer<float> _logits;
    private readonly TensorBuffer<long> _signals = new(2);
    private readonly DecoderBinding _binding;
    private readonly RunOptions _run = new();
    private readonly List<KvRow?> _rows = [];
    private readonly Stack<int> _free = new();

    private PagedDecoder(DecoderConfig config, DecoderWeights weights, OnnxOptions wanted, InferenceOptions options)
    {
        var onnx = wanted.WithThreads(ThreadsFor(config, options.Precision, wanted));
        _config = config;
        _weights = weights;
        ContextLength = Context(config, options);
        LargestStep = StepLimits.Tokens(options);
        _pages = new KvPages(
            config.Layers, config.KeyValueHeads, config.HeadDimension, options.Precision == Precision.Float32 ? KvFormat.Float32 : KvFormat.BFloat16);
        _logits = new TensorBuffer<float>((long)LargestStep * config.VocabularySize);
        _operators = new DecoderOperators(config, weights, _pages, ContextLength, LargestStep, onnx.ThreadCount, _logits.Pointer);
        _domain = new OperatorDomain(_operators.Operators());
        try
        {
            _model = OnnxModel.Build(weights.Folder, PagedGraph.Build(config, weights), onnx, _domain, weights.Matrices);
        }
        catch
        {
            _operators.Dispose();
            _domain.Dispose();
            _logits.Dispose();
            _signals.Dispose();
            throw;
        }

        _binding = new DecoderBinding(_model.Session);
        _binding.Native.BindInput(PagedGraph.Input, _binding.Own(_signals.View(0, 1)));
        _binding.Native.BindOutput(PagedGraph.Output, _binding.Own(_signals.View(1, 1)));
    }

    public int ContextLength { get; }

    public int VocabularySize => _config.VocabularySize;

    public int Rows => int.MaxValue;

    public int LargestStep { get; }

    public bool SharesRows => true;

    /// <inheritdoc/>
    public long KeyValueBytes => _pages.InUse * _pages.PageBytes;

    /// <summary>Bytes of keys and values of a row that shares nothing.</summary>
    public long RowBytes(int tokens) => (tokens + KvPages.PageTokens - 1) / KvPages.PageTokens * _pages.PageBytes;

    /// <summary>Loads config.json and the weights of a policy folder.</summary>
    /// <exception cref="ModelException">A file is missing or damaged, or the weights are not the config's.</exception>
    public static PagedDecoder Load(string folder, OnnxOptions onnx, InferenceOptions inference)
    {
        var config = DecoderConfig.Read(folder);
        if ((long)Context(config, inference) * config.HeadDimension > LargestRotation)
        {
            throw new ModelConfigException(
                $"{Path.Combine(folder, ModelFiles.Config)}: max_position_embeddings {config.MaxPositions} with heads of {config.HeadDimension} needs a rotary table "
                + $"of more than 1 GB. Set {InferenceOptions.Section}:ContextLength to {LargestRotation / config.HeadDimension} or less.");
        }

        StepLimits.Require(folder, config.VocabularySize, inference);
        var weights = new DecoderWeights(folder, config, inference.Precision);
        try
        {
            return new PagedDecoder(config, weights, onnx, inference);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Threads of the session: as wished, or every core, or one where waking a second one costs what it brings: the 8-bit products of small policies take
    /// microseconds.
    /// </summary>
    internal static int ThreadsFor(DecoderConfig config, Precision precision, OnnxOptions wanted) =>
        wanted.Threads == 0 && precision == Precision.Int8 && config.Parameters < LargestSingleThreaded ? 1 : wanted.ThreadCount;

    public int Open()
    {
        if (!_free.TryPop(out var row))
        {
            row = _rows.Count;
            _rows.Add(null);
        }

        _rows[row] = new KvRow();
        return row;
    }

    public int Fork(int row, int length)
    {
        var origin = RowOf(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, origin.Length);
        var fork = Open();
        RowOf(fork).Begin(_pages, origin, length);
        return fork;
    }

    public void Close(int row)
    {
        RowOf(row).Clear(_pages);
        _rows[row] = null;
        _free.Push(row);
    }

    public ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions)
    {
        Prepare(runs, tokens, logitPositions);
        _model.Session.RunWithBinding(_run, _binding.Native);
        foreach (var run in runs)
        {
            var row = RowOf(run.Row);
            row.Commit(row.Length + run.Count);
        }

        return _logits.First(logitPositions.Length * VocabularySize);
    }

    public void Dispose()
    {
        _binding.Dispose();
        _run.Dispose();
        _model.Dispose();
        _domain.Dispose();
        _operators.Dispose();
        _pages.Dispose();
        _weights.Dispose();
        _logits.Dispose();
        _signals.Dispose();
    }

    private static int Context(DecoderConfig config, InferenceOptions options) =>
        options.ContextLength == 0 ? config.MaxPositions : Math.Min(options.ContextLength, config.MaxPositions);

    private void Prepare(ReadOnlySpan<RowTokens> runs, ReadOnlySpan<int> tokens, ReadOnlySpan<int> logitPositions)
    {
        // Out of range here means memory overwritten in native code, so the checks stay in release builds.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens.Length, LargestStep, nameof(tokens));
        ArgumentOutOfRangeException.ThrowIfLessThan(logitPositions.Length, 1, nameof(logitPositions));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(logitPositions.Length, tokens.Length, nameof(logitPositions));
        _operators.Plan.Begin();
        foreach (var run in runs)
        {
            var row = RowOf(run.Row);
            ArgumentOutOfRangeException.ThrowIfLessThan(run.Count, 1, nameof(runs));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(row.Length + run.Count, ContextLength, nameof(runs));
            row.Grow(_pages, row.Length + run.Count);
            _operators.Plan.Add(row, run.Count);
        }

        if (_operators.Plan.Tokens != tokens.Length)
        {
            throw new ArgumentException($"The runs have {_operators.Plan.Tokens} tokens, not {tokens.Length}.", nameof(tokens));
        }

        foreach (var token in tokens)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)VocabularySize, nameof(tokens));
        }

        foreach (var position in logitPositions)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)tokens.Length, nameof(logitPositions));
        }

        _operators.Plan.Finish();
        tokens.CopyTo(_operators.Tokens);
        logitPositions.CopyTo(_operators.LogitPositions);
        _operators.LogitCount = logitPositions.Length;
    }

    private KvRow RowOf(int row) =>
        (uint)row < (uint)_rows.Count && _rows[row] is { } found ? found : throw new ArgumentException($"Row {row} is not open.", nameof(row));
}
