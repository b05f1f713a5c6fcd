using Serving.Inference;

namespace Serving.Tests.Inference;

/// <summary>A real decoder whose steps wait until a test lets them through, and can be made to fail: the order of events is then the test's.</summary>
internal sealed class GatedDecoder(IDecoder inner) : IDecoder
{
    private readonly SemaphoreSlim _gate = new(0);
    private volatile bool _open;

    public int ContextLength => inner.ContextLength;

    public int VocabularySize => inner.VocabularySize;

    public int Rows => inner.Rows;

    public int LargestStep => inner.LargestStep;

    public bool SharesRows => inner.SharesRows;

    /// <summary>Rows that are open now.</summary>
    public int OpenRows { get; private set; }

    /// <summary>Thrown by the next step.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Tokens of each row in the steps so far: "1 1 16".</summary>
    public List<string> Steps { get; } = [];

    /// <summary>Lets one more step run.</summary>
    public void Pass(int steps = 1) => _gate.Release(steps);

    /// <summary>Lets every step run from here on.</summary>
    public void Open()
    {
        _open = true;
        _gate.Release();
    }

    int IDecoder.Open()
    {
        OpenRows++;
        return inner.Open();
    }

    public int Fork(int row, int length)
    {
        OpenRows++;
        return inner.Fork(row, length);
    }

    public void Close(int row)
    {
        OpenRows--;
        inner.Close(row);
    }

    public ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions)
    {
        Enter(string.Join(' ', runs.ToArray().Select(run => run.Count)));
        return inner.Run(runs, tokens, logitPositions);
    }

    public void Dispose() => inner.Dispose();

    private void Enter(string step)
    {
        if (!_open)
        {
            _gate.Wait();
        }

        if (Failure is { } failure)
        {
            throw failure;
        }

        lock (Steps)
        {
            Steps.Add(step);
        }
    }
}
