namespace Serving.Benchmarks;

/// <summary>What one decode step of all rows costs.</summary>
/// <param name="Wall">Milliseconds.</param>
/// <param name="Cpu">Milliseconds, all threads of the process.</param>
/// <param name="Outside">Per cent of the wall time that is spent outside the decoder: sampling, log-probs, text, bookkeeping.</param>
/// <param name="Bytes">Allocated by the whole process per step.</param>
/// <param name="Prefill">CPU milliseconds from the request to its first decode step.</param>
/// <param name="KeyValueMegabytes">Memory of keys and values when measured.</param>
internal readonly record struct StepCost(double Wall, double Cpu, double Outside, double Bytes, double Prefill, double KeyValueMegabytes)
{
    public static StepCost Median(IReadOnlyList<StepCost> costs) => new(
        Middle(costs.Select(cost => cost.Wall)),
        Middle(costs.Select(cost => cost.Cpu)),
        Middle(costs.Select(cost => cost.Outside)),
        Middle(costs.Select(cost => cost.Bytes)),
        Middle(costs.Select(cost => cost.Prefill)),
        Middle(costs.Select(cost => cost.KeyValueMegabytes)));

    public static double Middle(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
