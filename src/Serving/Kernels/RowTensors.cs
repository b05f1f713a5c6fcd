namespace Serving.Kernels;

/// <summary>Rows of a matrix product: fp32, or whole numbers with a scale per row and per column.</summary>
public readonly unsafe struct ProductRows
{
    private readonly float* _values;
    private readonly int* _levels;
    private readonly float* _rowScales;
    private readonly float* _columnScales;

    public ProductRows(float* values, int width)
    {
        _values = values;
        Width = width;
    }

    public ProductRows(int* levels, float* rowScales, float* columnScales, int width)
    {
        _levels = levels;
        _rowScales = rowScales;
        _columnScales = columnScales;
        Width = width;
    }

    public int Width { get; }

    /// <summary>A row as fp32: where it is, or in <paramref name="scratch"/>, [Width].</summary>
    public float* Read(int row, float* scratch)
    {
        if (_levels == null)
        {
            return _values + ((nint)row * Width);
        }

        RowMath.Dequantize(_levels + ((nint)row * Width), _columnScales, _rowScales[row], scratch, Width);
        return scratch;
    }

    /// <summary>Writes a row as fp32.</summary>
    public void CopyTo(int row, float* target)
    {
        if (Read(row, target) is var found && found != target)
        {
            Buffer.MemoryCopy(found, target, (long)Width * sizeof(float), (long)Width * sizeof(float));
        }
    }
}

/// <summary>Rows that a matrix product takes: fp32, or 8 bits with a scale per row.</summary>
public readonly unsafe struct ActivationRows
{
    private readonly float* _values;
    private readonly byte* _levels;
    private readonly float* _scales;

    public ActivationRows(float* values, int width)
    {
        _values = values;
        Width = width;
    }

    public ActivationRows(byte* levels, float* scales, int width)
    {
        _levels = levels;
        _scales = scales;
        Width = width;
    }

    public int Width { get; }

    /// <summary>Where to put a row before <see cref="Commit"/>: its place, or the scratch memory [Width].</summary>
    public float* Place(int row, float* scratch) => _levels == null ? _values + ((nint)row * Width) : scratch;

    /// <summary>The row is complete at <paramref name="placed"/>.</summary>
    public void Commit(int row, float* placed)
    {
        if (_levels != null)
        {
            _scales[row] = RowMath.Quantize(placed, _levels + ((nint)row * Width), Width);
        }
    }
}
