using System.Runtime.InteropServices;

namespace Serving.Trainer.Loop;

/// <summary>
/// What glibc does with the memory that tensors free. Every step frees and asks for the same hundreds of megabytes, in slightly different sizes.
/// Elsewhere than on glibc nothing happens.
/// </summary>
internal static partial class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int ArenaMax = -8;
    private const int Gigabyte = 1 << 30;

    /// <summary>
    /// Keeps freed memory in one heap, to be cut anew, for the life of the process. By default glibc gives large blocks back at once and asks for them again, which
    /// costs page faults, and spreads the others over an arena per thread, none of which can use what is free in another. Call before the first tensor.
    /// </summary>
    public static void KeepFreed() => OnGlibc(() =>
    {
        _ = MallOpt(MmapThreshold, Gigabyte);
        _ = MallOpt(TrimThreshold, Gigabyte);
        _ = MallOpt(ArenaMax, 1);
    });

    /// <summary>Gives whole free pages back to the system, between two phases of a run.</summary>
    public static void Trim() => OnGlibc(() => _ = MallocTrim(0));

    private static void OnGlibc(Action call)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            call();
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // Not glibc (musl has no arenas to trim).
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);
}
