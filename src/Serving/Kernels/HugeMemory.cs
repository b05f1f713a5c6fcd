using System.Runtime.InteropServices;

namespace Serving.Kernels;

/// <summary>
/// Zeroed native memory in units of 2 MB, which Linux is asked to map by huge pages: what is read in small pieces from many places costs a miss of the
/// address cache per piece otherwise.
/// </summary>
internal sealed unsafe partial class HugeMemory : IDisposable
{
    private const long Unit = 2 << 20;
    private const int HugePages = 14;        // MADV_HUGEPAGE

    private void* _memory;

    /// <param name="bytes">At least; rounded up to the unit.</param>
    public HugeMemory(long bytes)
    {
        Bytes = (bytes + Unit - 1) / Unit * Unit;
        _memory = NativeMemory.AlignedAlloc((nuint)Bytes, (nuint)Unit);
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(_memory, (nuint)Bytes, HugePages);        // without it all is slower, and right
        }

        NativeMemory.Clear(_memory, (nuint)Bytes);
    }

    public nint Address => (nint)_memory;

    public long Bytes { get; }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* address, nuint length, int advice);
}
