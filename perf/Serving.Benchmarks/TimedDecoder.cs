using System.Diagnostics;
using Serving.Inference;

namespace Serving.Benchmarks;

/// <summary>Takes readings at the beginning of every step in which exactly the watched number of rows decode, on the engine's own thread.</summary>
internal sealed class TimedDecoder(PagedDecoder decoder) : IDecoder
{
    private long _ticks;
    private int _rows;
    private int _steps;

    /// <summary>Of the first such step.</summary>
    public Reading First { get; private set; }

    /// <summary>Of the last such step so far.</summary>
    public Reading Last { get; private set; }

    /// <summary>Memory of one row of so many tokens by itself.</summary>
    public long BytesOf(int tokens) => decoder.RowBytes(tokens);

    /// <summary>Begins anew; no request may be running.</summary>
    public void Watch(int rows) => (_rows, _steps) = (rows, 0);

    public long KeyValueBytes => decoder.KeyValueBytes;

    public int ContextLength => decoder.ContextLength;

    public int VocabularySize => decoder.VocabularySize;

    public int Rows => decoder.Rows;

    public int LargestStep => decoder.LargestStep;

    public bool SharesRows => decoder.SharesRows;

    public int Open() => decoder.Open();

    public int Fork(int row, int length) => decoder.Fork(row, length);

    public void Close(int row) => decoder.Close(row);

    public ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions)
    {
        var start = Stopwatch.GetTimestamp();
        if (runs.Length == _rows && tokens.Length == _rows)
        {
            Last = new Reading(
                _steps++,
                start * 1000.0 / Stopwatch.Frequency,
                Environment.CpuUsage.TotalTime.TotalMilliseconds,
                _ticks * 1000.0 / Stopwatch.Frequency,
                GC.GetAllocatedBytesForCurrentThread(),
                decoder.KeyValueBytes);
            First = _steps == 1 ? Last : First;
            start = Stopwatch.GetTimestamp();
        }

        var logits = decoder.Run(runs, tokens, logitPositions);
        _ticks += Stopwatch.GetTimestamp() - start;
        return logits;
    }

    public void Dispose() => decoder.Dispose();
}

/// <summary>State at the beginning of a step.</summary>
/// <param name="Steps">Watched steps before this one.</param>
/// <param name="Wall">Milliseconds.</param>
/// <param name="Cpu">Milliseconds of the process.</param>
/// <param name="Decoder">Milliseconds within the decoder.</param>
/// <param name="Bytes">Allocated by the engine thread.</param>
/// <param name="KeyValueBytes">Memory of keys and values.</param>
internal readonly record struct Reading(int Steps, double Wall, double Cpu, double Decoder, long Bytes, long KeyValueBytes);
