namespace Serving.Onnx;

/// <summary>One run of one node of a <see cref="ManagedOperator"/>: native inputs and outputs. Valid during the call only.</summary>
public readonly unsafe ref struct OperatorCall
{
    private const int LargestRank = 2;

    private readonly nint _context;

    internal OperatorCall(nint context, int layer)
    {
        _context = context;
        Layer = layer;
    }

    /// <summary>The node's attribute "layer"; 0 when it has none.</summary>
    public int Layer { get; }

    /// <summary>Where the values of an input begin, row-major.</summary>
    public T* Input<T>(int index)
        where T : unmanaged
    {
        nint value;
        OrtFunctions.Check(OrtFunctions.GetInput(_context, (nuint)index, &value));
        return (T*)Data(value);
    }

    /// <summary>Memory for an output [rows, columns]; columns 0 = a vector [rows].</summary>
    public T* Output<T>(int index, long rows, long columns = 0)
        where T : unmanaged
    {
        var shape = stackalloc long[LargestRank] { rows, columns };
        nint value;
        OrtFunctions.Check(OrtFunctions.GetOutput(_context, (nuint)index, shape, columns == 0 ? 1u : 2u, &value));
        return (T*)Data(value);
    }

    /// <summary>Runs the work's parts 0 to <paramref name="count"/> - 1 on the session's threads; returns when all are done.</summary>
    public void Parallel(ParallelWork work, int count)
    {
        OrtFunctions.Check(OrtFunctions.ParallelFor(_context, ParallelWork.Entry, (nuint)count, 0, work.Handle));
        work.ThrowIfFailed();
    }

    private static void* Data(nint value)
    {
        void* data;
        OrtFunctions.Check(OrtFunctions.GetData(value, &data));
        return data;
    }
}
