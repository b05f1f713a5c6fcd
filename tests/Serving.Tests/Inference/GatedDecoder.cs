using Serving.Inference;

namespace Serving.Tests.Inference;

/// <summary>A real decoder whose steps wait until a test lets them through, and can be made to fail: the order of events is then the test's.</summary>
internal sealed class GatedDecoder(IDecoder inner) : IDecoder
{
    private readonly SemaphoreSlim _gate = new(0);
    private volatile bool _open;

    public int Slots => inner.Slots;

    public int ContextLength => inner.ContextLength;

    public int VocabularySize => inner.VocabularySize;

    public int LargestPrefill => inner.LargestPrefill;

    /// <summary>Thrown by the next step.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Kinds and row counts of the steps so far: "prefill" or "decode 3".</summary>
    public List<string> Steps { get; } = [];

    /// <summary>Lets one more step run.</summary>
    public void Pass(int steps = 1) => _gate.Release(steps);

    /// <summary>Lets every step run from here on.</summary>
    public void Open()
    {
        _open = true;
        _gate.Release();
    }

    public ReadOnlySpan<float> Prefill(int slot, ReadOnlySpan<int> tokens, int start, int logitRows)
    {
        Enter("prefill");
        return inner.Prefill(slot, tokens, start, logitRows);
    }

    public ReadOnlySpan<float> Decode(ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths)
    {
        Enter($"decode {tokens.Length}");
        return inner.Decode(tokens, lengths);
    }

    public void CopySlot(int source, int target, int length) => inner.CopySlot(source, target, length);

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
