namespace Serving.EpisodeTools;

/// <summary>
/// Mean and standard deviation of fields over all steps of a dataset, element by element, in float64 by Welford's method; the divisor of the variance
/// is count - 1, as in rlds.transformations. Not thread-safe.
/// </summary>
public sealed class MeanAndStd
{
    private static readonly string[] _masked = ["action", "reward", "discount"];

    private readonly Dictionary<string, (long Count, double[] Mean, double[] Squares)> _fields = new(StringComparer.Ordinal);

    /// <summary>Takes the numbers of these fields; those that the mask rules out are passed over.</summary>
    /// <exception cref="ArgumentException">A field has another number of elements than before.</exception>
    public void Add(RldsStep step, IEnumerable<string> fields, Func<RldsStep, string, bool> mask)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(mask);
        foreach (var field in fields.Where(field => mask(step, field)))
        {
            Add(field, step[field].ToDoubles());
        }
    }

    /// <summary>SAR: action, reward and discount of a last step mean nothing.</summary>
    public static bool SarMask(RldsStep step, string field)
    {
        ArgumentNullException.ThrowIfNull(step);
        return !step.Is("is_last") || !Array.Exists(_masked, key => field == key || field.StartsWith(key + "/", StringComparison.Ordinal));
    }

    /// <summary>Of a field that was seen; the deviation is NaN when it was seen once.</summary>
    /// <exception cref="KeyNotFoundException">It was not.</exception>
    public (double[] Mean, double[] Std) Of(string field)
    {
        var (count, mean, squares) = _fields[field];
        return ([.. mean], Array.ConvertAll(squares, sum => count > 1 ? Math.Sqrt(sum / (count - 1)) : double.NaN));
    }

    private void Add(string field, double[] numbers)
    {
        var (count, mean, squares) = _fields.TryGetValue(field, out var before) ? before : (0, new double[numbers.Length], new double[numbers.Length]);
        if (numbers.Length != mean.Length)
        {
            throw new ArgumentException($"Field '{field}' has {numbers.Length} elements here and {mean.Length} before.", nameof(numbers));
        }

        count++;
        for (var i = 0; i < numbers.Length; i++)
        {
            var distance = numbers[i] - mean[i];
            mean[i] += distance / count;
            squares[i] += distance * (numbers[i] - mean[i]);
        }

        _fields[field] = (count, mean, squares);
    }
}
