using System.Runtime.InteropServices;

namespace Serving.Onnx;

/// <summary>
/// Gives freed memory back to the system. glibc keeps what is freed in its arenas, one per thread: a trainer, whose every step frees tensors of slightly different sizes,
/// grows to gigabytes although its live tensors are constant, and a server by the weights of the versions that it has let go.
/// </summary>
public static partial class NativeHeap
{
    /// <summary>Takes milliseconds, in which other threads that allocate may wait. Nothing where the C library is not glibc.</summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = MallocTrim(0);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // Not glibc (musl has no arenas to trim).
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);
}
