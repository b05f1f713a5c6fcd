using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Serving.Onnx;

/// <summary>Work in numbered parts for <see cref="OperatorCall.Parallel"/>; made once and run many times, so that a step allocates nothing.</summary>
public sealed unsafe class ParallelWork : IDisposable
{
    private readonly Action<int> _part;
    private GCHandle _self;
    private Exception? _failure;

    /// <param name="part">Runs one part; parts run at the same time on several threads.</param>
    public ParallelWork(Action<int> part)
    {
        _part = part;
        _self = GCHandle.Alloc(this);
    }

    internal static delegate* unmanaged<void*, nuint, void> Entry => &Run;

    internal void* Handle => (void*)GCHandle.ToIntPtr(_self);

    public void Dispose()
    {
        if (_self.IsAllocated)
        {
            _self.Free();
        }
    }

    internal void ThrowIfFailed()
    {
        if (Interlocked.Exchange(ref _failure, null) is { } failure)
        {
            throw new InvalidOperationException(failure.Message, failure);
        }
    }

    [UnmanagedCallersOnly]
    private static void Run(void* handle, nuint part)
    {
        var work = Unsafe.As<ParallelWork>(GCHandle.FromIntPtr((nint)handle).Target!);
        try
        {
            work._part((int)part);
        }
        catch (Exception e)
        {
            work._failure = e;       // must not pass through native frames
        }
    }
}
