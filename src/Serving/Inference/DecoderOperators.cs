using System.Runtime.InteropServices;
using Serving.Kernels;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// What happens between the matrix products of a step, as operators of the step's graph. Holds the step's tokens (<see cref="Plan"/>) and the residual
/// stream. Rows are independent: no result depends on what else is in the batch. One step at a time.
/// </summary>
internal sealed unsafe class DecoderOperators : IDisposable
{
    public const string Begin = "Begin";
    public const string Attend = "Attend";
    public const string AddNorm = "AddNorm";
    public const string Gate = "Gate";
    public const string Last = "Last";
    public const string Logits = "Logits";

    private const int RowsWorthSharing = 8;      // fewer rows are done before another thread has woken up

    private readonly DecoderConfig _config;
    private readonly DecoderWeights _weights;
    private readonly PagedAttention _attention;
    private readonly RotaryTable _rotary;
    private readonly float _attentionScale;
    private readonly nint[] _projectionScales;       // of the columns of quantised matrices, by layer; 0 = not quantised
    private readonly nint[] _residualScales;         // attention output and down projection by turns
    private readonly nint[] _gateScales;
    private readonly nint _headScales;
    private readonly int _queryWidth;
    private readonly int _keyWidth;
    private readonly int _parts;
    private readonly int _scratchWidth;
    private readonly float* _stream;             // [tokens, d]
    private readonly float* _attended;           // [tokens, queries]
    private readonly float* _scratch;            // [parts, width]
    private readonly float* _logits;             // [tokens, V]
    private readonly ParallelWork _rows;
    private readonly ParallelWork _heads;
    private ProductRows _product;                // of the node that runs now
    private ActivationRows _activations;
    private Action<int, nint> _row = (_, _) => { };
    private readonly Action<int, nint> _beginRow;
    private readonly Action<int, nint> _projectRow;
    private readonly Action<int, nint> _attendedRow;
    private readonly Action<int, nint> _addNormRow;
    private readonly Action<int, nint> _gateRow;
    private readonly Action<int, nint> _lastRow;
    private readonly Action<int, nint> _logitsRow;
    private int _layer;
    private int _count;

    /// <param name="config">The policy's shape.</param>
    /// <param name="weights">Its weights; not owned.</param>
    /// <param name="pages">Where keys and values are; not owned.</param>
    /// <param name="positions">Longest row.</param>
    /// <param name="tokens">Most tokens of a step.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="logits">[tokens, V]; not owned.</param>
    public DecoderOperators(DecoderConfig config, DecoderWeights weights, KvPages pages, int positions, int tokens, int threads, float* logits)
    {
        _config = config;
        _weights = weights;
        _attention = new PagedAttention(pages, config.Heads, config.KeyValueHeads, config.HeadDimension);
        _rotary = new RotaryTable(config.RotaryFrequencies(), positions);
        _attentionScale = 1 / MathF.Sqrt(config.HeadDimension);
        _projectionScales = Scales(DecoderWeights.QueryKeyValue);
        _gateScales = Scales(DecoderWeights.GateUp);
        _residualScales = [.. Scales(DecoderWeights.Output).Zip(Scales(DecoderWeights.Down), (nint[] (output, down) => [output, down])).SelectMany(pair => pair)];
        _headScales = weights.ColumnScales.GetValueOrDefault(DecoderWeights.Head);
        nint[] Scales(Func<int, string> name) => [.. Enumerable.Range(0, config.Layers).Select(i => weights.ColumnScales.GetValueOrDefault(name(i)))];

        _queryWidth = config.Heads * config.HeadDimension;
        _keyWidth = config.KeyValueHeads * config.HeadDimension;
        _parts = threads;
        _scratchWidth = Math.Max(_queryWidth + (2 * _keyWidth), Math.Max(3 * config.IntermediateSize, 2 * config.HiddenSize)) + 16;
        _stream = Allocate((long)tokens * config.HiddenSize);
        _attended = Allocate((long)tokens * _queryWidth);
        _scratch = Allocate((long)_parts * _scratchWidth);
        _logits = logits;
        Tokens = new int[tokens];
        LogitPositions = new int[tokens];
        _rows = new ParallelWork(RunPart);
        _heads = new ParallelWork(AttendHeads);
        (_beginRow, _projectRow, _attendedRow, _addNormRow) = (BeginRow, ProjectRow, AttendedRow, AddNormRow);
        (_gateRow, _lastRow, _logitsRow) = (GateRow, LastRow, LogitsRow);
    }

    /// <summary>Whose tokens run, and which pages they read.</summary>
    public AttentionPlan Plan { get; } = new();

    /// <summary>The step's token ids.</summary>
    public int[] Tokens { get; }

    /// <summary>Numbers of the tokens that get logits.</summary>
    public int[] LogitPositions { get; }

    /// <summary>How many of them.</summary>
    public int LogitCount { get; set; }

    private bool Quantized => _weights.Precision == Precision.Int8;

    public IReadOnlyList<ManagedOperator> Operators()
    {
        ElementType[] activations = Quantized ? [ElementType.UInt8, ElementType.Float] : [ElementType.Float];
        ElementType[] product = Quantized ? [ElementType.Int32, ElementType.Float] : [ElementType.Float];
        return
        [
            new ManagedOperator(Begin, [ElementType.Int64], activations, RunBegin),
            new ManagedOperator(Attend, product, activations, RunAttend),
            new ManagedOperator(AddNorm, product, activations, RunAddNorm),
            new ManagedOperator(Gate, product, activations, RunGate),
            new ManagedOperator(Last, product, activations, RunLast),
            new ManagedOperator(Logits, product, [ElementType.Int64], RunLogits),
        ];
    }

    public void Dispose()
    {
        _attention.Dispose();
        _rotary.Dispose();
        _rows.Dispose();
        _heads.Dispose();
        NativeMemory.AlignedFree(_stream);
        NativeMemory.AlignedFree(_attended);
        NativeMemory.AlignedFree(_scratch);
    }

    private void RunBegin(OperatorCall call)
    {
        _attention.Begin(Plan);
        _activations = Out(call, Plan.Tokens, _config.HiddenSize);
        Each(call, Plan.Tokens, _beginRow);
    }

    private void BeginRow(int row, nint scratch)
    {
        var stream = Stream(row);
        _weights.Embed(Tokens[row], stream);
        Normalise(row, stream, 0, (float*)scratch);
    }

    private void RunAttend(OperatorCall call)
    {
        _layer = call.Layer;
        _product = In(call, _projectionScales[_layer], _queryWidth + (2 * _keyWidth));
        Each(call, Plan.Runs.Count, _projectRow);
        if (_parts == 1)
        {
            AttendHeads(0);
        }
        else
        {
            call.Parallel(_heads, _parts);
        }

        _activations = Out(call, Plan.Tokens, _queryWidth);
        Each(call, Plan.Tokens, _attendedRow);
    }

    /// <summary>Queries, keys and values of one run's tokens: bias, norm per head, rotation; each to its place.</summary>
    private void ProjectRow(int run, nint scratch)
    {
        var tokens = Plan.Runs[run];
        var values = (float*)scratch;
        var hd = _config.HeadDimension;
        var epsilon = (float)_config.NormEpsilon;
        for (var i = 0; i < tokens.Count; i++)
        {
            var (token, position) = (tokens.First + i, tokens.Start + i);
            _product.CopyTo(token, values);
            if (_weights.QueryKeyValueBiases[_layer] != 0)
            {
                RowMath.Add((float*)_weights.QueryKeyValueBiases[_layer], values, _product.Width);
            }

            for (var head = 0; head < _config.Heads; head++)
            {
                var query = values + (head * hd);
                if (_weights.QueryNorms[_layer] != 0)
                {
                    RowMath.Norm(query, (float*)_weights.QueryNorms[_layer], epsilon, hd, query);
                }

                _rotary.Rotate(query, position);
                RowMath.Scale(query, _attentionScale, _attention.Query(token, head), hd);
            }

            for (var head = 0; head < _config.KeyValueHeads; head++)
            {
                var key = values + _queryWidth + (head * hd);
                if (_weights.KeyNorms[_layer] != 0)
                {
                    RowMath.Norm(key, (float*)_weights.KeyNorms[_layer], epsilon, hd, key);
                }

                _rotary.Rotate(key, position);
                _attention.Store(tokens.Row, position, _layer, head, key, key + _keyWidth);
            }
        }
    }

    private void AttendHeads(int part)
    {
        var heads = _config.KeyValueHeads;
        _attention.Run(Plan, _layer, part * heads / _parts, (part + 1) * heads / _parts, _attended, _queryWidth);
    }

    private void AttendedRow(int row, nint scratch)
    {
        var attended = _attended + ((nint)row * _queryWidth);
        var place = _activations.Place(row, attended);
        if (place != attended)
        {
            Buffer.MemoryCopy(attended, place, (long)_queryWidth * sizeof(float), (long)_queryWidth * sizeof(float));
        }

        _activations.Commit(row, place);
    }

    private void RunAddNorm(OperatorCall call)
    {
        _layer = call.Layer;
        _product = In(call, _residualScales[_layer], _config.HiddenSize);
        _activations = Out(call, Plan.Tokens, _config.HiddenSize);
        Each(call, Plan.Tokens, _addNormRow);
    }

    private void AddNormRow(int row, nint scratch)
    {
        AddToStream(row, (float*)scratch);
        Normalise(row, Stream(row), _layer + 1, (float*)scratch);
    }

    private void RunGate(OperatorCall call)
    {
        _layer = call.Layer;
        _product = In(call, _gateScales[_layer], 2 * _config.IntermediateSize);
        _activations = Out(call, Plan.Tokens, _config.IntermediateSize);
        Each(call, Plan.Tokens, _gateRow);
    }

    private void GateRow(int row, nint scratch)
    {
        var width = _config.IntermediateSize;
        var gate = _product.Read(row, (float*)scratch);
        var place = _activations.Place(row, (float*)scratch + (2 * width));
        switch (_config.Activation)
        {
            case Activation.Silu:
                RowMath.SiluGate(gate, gate + width, place, width);
                break;
            case Activation.GeluTanh:
                RowMath.GeluGate(gate, gate + width, place, width);
                break;
            default:
                RowMath.ExactGeluGate(gate, gate + width, place, width);
                break;
        }

        _activations.Commit(row, place);
    }

    /// <summary>Like <see cref="RunAddNorm"/> with the last norm, for the tokens that get logits.</summary>
    private void RunLast(OperatorCall call)
    {
        _layer = call.Layer;
        _product = In(call, _residualScales[_layer], _config.HiddenSize);
        _activations = Out(call, LogitCount, _config.HiddenSize);
        Each(call, LogitCount, _lastRow);
    }

    private void LastRow(int row, nint scratch)
    {
        var token = LogitPositions[row];
        AddToStream(token, (float*)scratch);
        Normalise(row, Stream(token), _layer + 1, (float*)scratch);
    }

    private void RunLogits(OperatorCall call)
    {
        _product = In(call, _headScales, _config.VocabularySize);
        Each(call, LogitCount, _logitsRow);
        *call.Output<long>(0, 1) = LogitCount;
    }

    private void LogitsRow(int row, nint scratch) => _product.CopyTo(row, _logits + ((nint)row * _config.VocabularySize));

    private void AddToStream(int token, float* scratch)
    {
        RowMath.Add(_product.Read(token, scratch), Stream(token), _config.HiddenSize);
        if (_layer % 2 == 0 && _weights.OutputBiases[_layer / 2] is var bias && bias != 0)
        {
            RowMath.Add((float*)bias, Stream(token), _config.HiddenSize);
        }
    }

    private void Normalise(int row, float* stream, int norm, float* scratch)
    {
        var place = _activations.Place(row, scratch + _config.HiddenSize);
        RowMath.Norm(stream, (float*)_weights.Norms[norm], (float)_config.NormEpsilon, _config.HiddenSize, place);
        _activations.Commit(row, place);
    }

    private float* Stream(int token) => _stream + ((nint)token * _config.HiddenSize);

    private ProductRows In(OperatorCall call, nint columnScales, int width) => Quantized
        ? new ProductRows(call.Input<int>(0), call.Input<float>(1), (float*)columnScales, width)
        : new ProductRows(call.Input<float>(0), width);

    private ActivationRows Out(OperatorCall call, int rows, int width) => Quantized
        ? new ActivationRows(call.Output<byte>(0, rows, width), call.Output<float>(1, rows), width)
        : new ActivationRows(call.Output<float>(0, rows, width), width);

    /// <summary>Does rows 0 to <paramref name="count"/> - 1, by all threads when there are enough of them.</summary>
    private void Each(OperatorCall call, int count, Action<int, nint> row)
    {
        if (_parts > 1 && count >= RowsWorthSharing)
        {
            (_row, _count) = (row, count);
            call.Parallel(_rows, _parts);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            row(i, (nint)_scratch);
        }
    }

    private void RunPart(int part)
    {
        var scratch = (nint)(_scratch + ((nint)part * _scratchWidth));
        for (var i = part * _count / _parts; i < (part + 1) * _count / _parts; i++)
        {
            _row(i, scratch);
        }
    }

    private static float* Allocate(long count) => (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
}
