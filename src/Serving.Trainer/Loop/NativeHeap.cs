using System.Runtime.InteropServices;

namespace Serving.Trainer.Loop;

/// <summary>
/// Gives freed memory back to the system. Every step frees tensors of slightly different sizes; glibc keeps them in its arenas, and a run of minutes grows to
/// gigabytes although its live tensors are constant.
/// </summary>
internal static partial class NativeHeap
{
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
