namespace Serving.EpisodeTools;

/// <summary>Steps made from a schema alone, and whether a schema is RLDS. Stateless.</summary>
public static class SpecFill
{
    private static readonly string[] _core = ["observation", "action", "reward", "is_terminal", "is_first", "is_last", "discount"];

    /// <summary>The step of a dataset's schema; null when it has none.</summary>
    public static FeatureNode? StepOf(FeatureNode root)
    {
        ArgumentNullException.ThrowIfNull(root);
        return root.Children.FirstOrDefault(child => child.Key == "steps").Value?.Element;
    }

    /// <summary>True when every step has the seven core fields of RLDS.</summary>
    public static bool IsValidRlds(FeatureNode root) =>
        StepOf(root) is { } step && Array.TrueForAll(_core, name => step.Children.Any(child => child.Key == name));

    /// <summary>A step of zeros and empty byte strings; an unknown dimension becomes 1, a list an empty one.</summary>
    public static RldsStep Zeros(FeatureNode step) => Fill(step, _ => 0);

    /// <summary>A step of uniform random numbers: [0, 1) for floats, 0 or 1 for booleans, 0 to 255 for integers. Byte strings are empty.</summary>
    public static RldsStep Uniform(FeatureNode step, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return Fill(step, dtype => dtype.Contains("float", StringComparison.Ordinal) ? random.NextDouble() : random.Next(dtype == "bool" ? 2 : 256));
    }

    private static RldsStep Fill(FeatureNode step, Func<string, double> number) => RldsStep.Of(FeatureColumn.All(step).Select(column => (column.Path, Fill(column, number))));

    private static RldsValue Fill(FeatureColumn column, Func<string, double> number)
    {
        var node = column.Node;
        if (column.Lists > 0)
        {
            return RldsValue.Ragged(node.DType, []);
        }

        long[] shape = node.Kind is FeatureKind.Tensor ? [.. node.Shape.Select(d => d < 0 ? 1 : d)] : [];
        var count = shape.Aggregate(1L, (product, d) => checked(product * d));
        if (count > Array.MaxLength)
        {
            throw new ArgumentException($"Field '{column.Path}' would have {count} elements.", nameof(column));
        }

        if (node.Kind is FeatureKind.Text or FeatureKind.Image || node.DType == "string")
        {
            return RldsValue.Tensor("string", shape, RldsValue.Zeros(Array.Empty<byte[]>(), (int)count));
        }

        var numbers = Enumerable.Range(0, (int)count).Select(_ => number(node.DType));
        return RldsValue.Tensor(node.DType, shape, node.DType switch
        {
            "float64" => numbers.ToArray(),
            _ when node.DType.Contains("float", StringComparison.Ordinal) => numbers.Select(value => (float)value).ToArray(),
            _ => numbers.Select(value => (long)value).ToArray(),
        });
    }
}
