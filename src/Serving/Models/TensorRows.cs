namespace Serving.Models;

/// <summary>A matrix of a checkpoint whose rows are read one by one, as fp32; valid until the checkpoint is disposed. Reading allocates nothing.</summary>
public readonly unsafe struct TensorRows
{
    private readonly string _dtype;
    private readonly byte* _start;
    private readonly long _rowBytes;

    internal TensorRows(TensorEntry entry, nint start)
    {
        _dtype = entry.DType;
        _start = (byte*)start;
        _rowBytes = entry.Length / entry.Shape[0];
    }

    /// <summary>Writes row <paramref name="row"/>, below the first dimension, into memory of one row's size.</summary>
    public void Read(int row, Span<float> values) => TensorTypes.Widen(_dtype, _start + (row * _rowBytes), values);
}
