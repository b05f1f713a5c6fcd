using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>Averages the figures of steps between two lines of the log. Holds numbers, no tensors.</summary>
internal sealed class StepMeter(TimeProvider time)
{
    private readonly SortedDictionary<string, (double Sum, int Count)> _sums = new(StringComparer.Ordinal);
    private long _since = time.GetTimestamp();
    private long _tokens;

    public void Add(Tensor loss, double norm, IReadOnlyDictionary<string, Tensor> figures, int tokens)
    {
        Add("loss", Number(loss));
        Add("gradient_norm", norm);
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

    private static double Number(Tensor scalar) => scalar.detach().to_type(ScalarType.Float64).item<double>();

    private void Add(string name, double value)
    {
        var (sum, count) = _sums.GetValueOrDefault(name);
        _sums[name] = (sum + value, count + 1);
    }
}
