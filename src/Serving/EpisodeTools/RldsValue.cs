using System.Text;

namespace Serving.EpisodeTools;

/// <summary>
/// The value of one field: a tensor of numbers or byte strings, row by row, or a list of values of unequal lengths. Immutable by agreement: nobody
/// writes into its arrays.
/// </summary>
public sealed class RldsValue
{
    private RldsValue(string dtype, long[] shape, Array elements, IReadOnlyList<RldsValue>? rows) =>
        (DType, Shape, Elements, Rows) = (dtype, shape, elements, rows);

    /// <summary>NumPy's name of the type as features.json has it; "string" for byte strings.</summary>
    public string DType { get; }

    /// <summary>Dimensions; none for a scalar. Of a ragged list its length alone.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>float[], double[], long[] (also of booleans and unsigned integers, bit by bit) or byte[][]; empty for a ragged list.</summary>
    public Array Elements { get; }

    /// <summary>The items of a ragged list of rank two or more; null for a tensor.</summary>
    public IReadOnlyList<RldsValue>? Rows { get; }

    /// <summary>The one byte string as UTF-8.</summary>
    /// <exception cref="InvalidOperationException">It is no byte string, or not one.</exception>
    public string Text => Elements is byte[][] { Length: 1 } bytes
        ? Encoding.UTF8.GetString(bytes[0])
        : throw new InvalidOperationException($"A {DType} of {Elements.Length} elements is no text.");

    /// <summary>The one number.</summary>
    /// <exception cref="InvalidOperationException">It is no number, or not one.</exception>
    public double Number => Elements.Length == 1 ? ToDoubles()[0] : throw new InvalidOperationException($"{Elements.Length} elements are no number.");

    /// <summary>True when no element differs from zero.</summary>
    public bool IsZero => Rows is { } rows ? rows.All(row => row.IsZero)
        : Elements is byte[][] bytes ? bytes.All(text => text.Length == 0) : ToDoubles().All(number => number == 0);

    /// <summary>A tensor; its elements fill its shape.</summary>
    public static RldsValue Tensor(string dtype, IReadOnlyList<long> shape, Array elements) => new(dtype, [.. shape], elements, null);

    /// <summary>A float32 scalar.</summary>
    public static RldsValue Float(float value) => Tensor("float32", [], new[] { value });

    /// <summary>An int64 scalar.</summary>
    public static RldsValue Int64(long value) => Tensor("int64", [], new[] { value });

    /// <summary>A bool scalar.</summary>
    public static RldsValue Bool(bool value) => Tensor("bool", [], new[] { value ? 1L : 0 });

    /// <summary>A UTF-8 text.</summary>
    public static RldsValue String(string value) => Tensor("string", [], new[] { Encoding.UTF8.GetBytes(value) });

    /// <summary>A list whose items need not have equal lengths.</summary>
    public static RldsValue Ragged(string dtype, IReadOnlyList<RldsValue> rows) => new(dtype, [rows.Count], Array.Empty<long>(), rows);

    /// <summary>The numbers as float64; 64-bit integers beyond 2^53 are rounded.</summary>
    /// <exception cref="InvalidOperationException">They are no numbers.</exception>
    public double[] ToDoubles() => Elements switch
    {
        float[] floats => Array.ConvertAll(floats, value => (double)value),
        double[] doubles => doubles,
        long[] integers when DType == "uint64" => Array.ConvertAll(integers, value => (double)(ulong)value),
        long[] integers => Array.ConvertAll(integers, value => (double)value),
        _ => throw new InvalidOperationException($"Elements of type {DType} are no numbers."),
    };

    /// <summary>The same type and shape, all zeros or empty byte strings; a ragged list becomes an empty one.</summary>
    public RldsValue ZeroLike() => Rows is not null ? Ragged(DType, []) : new RldsValue(DType, [.. Shape], Zeros(Elements, Elements.Length), null);

    internal static Array Zeros(Array like, int count) => like switch
    {
        byte[][] => Enumerable.Repeat(Array.Empty<byte>(), count).ToArray(),
        float[] => new float[count],
        double[] => new double[count],
        _ => new long[count],
    };
}
