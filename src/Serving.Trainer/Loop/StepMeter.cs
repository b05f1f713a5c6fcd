using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>Averages the figures of steps between two lines of the log. Holds numbers, no tensors.</summary>
internal sealed class StepMeter(TimeProvider time)
{
    private readonly SortedDictionary<string, (double Sum, int Count)> _sums = new(StringComparer.Ordinal);
    private long _since = time.GetTimestamp();
    private long _tokens;

    /// <summary>The loss and the figures of a batch, or of one of a step's equal parts.</summary>
    public void Add(Tensor loss, IReadOnlyDictionary<string, Tensor> figures, int tokens)
    {
        Add("loss", Number(loss));
        foreach (var (name, value) in figures)
        {
            Add(name, Number(value));
        }

        _tokens += tokens;
    }

    /// <summary>The means since the last call, and tokens per second.</summary>
    public (string Name, double Value)[] Take(double learningRate)
    {
        var seconds = time.GetElapsedTime(_since).TotalSeconds;
        (string, double)[] taken =
        [
            .. _sums.Select(sum => (sum.Key, sum.Value.Sum / sum.Value.Count)),
            ("learning_rate", learningRate),
            ("tokens/s", seconds > 0 ? _tokens / seconds : 0),
        ];
        _sums.Clear();
        (_since, _tokens) = (time.GetTimestamp(), 0);
        return taken;
    }

    public void Add(string name, double value)
    {
        var (sum, count) = _sums.GetValueOrDefault(name);
        _sums[name] = (sum + value, count + 1);
    }

    private static double Number(Tensor scalar) => scalar.detach().to_type(ScalarType.Float64).item<double>();
}
