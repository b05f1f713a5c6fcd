using System.Runtime.InteropServices;

namespace Serving.Models;

/// <summary>Makes files and folder entries survive a power cut.</summary>
public static partial class DiskSync
{
    private const int ReadOnly = 0;

    /// <summary>
    /// Flushes the names in a folder: a new or renamed file is durable only after that. Windows journals names by itself.
    /// </summary>
    public static void Folder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(path, ReadOnly);
        if (descriptor < 0)
        {
            throw new IOException($"{path}: cannot open the folder to flush it ({Marshal.GetLastPInvokeErrorMessage()}).");
        }

        try
        {
            if (Flush(descriptor) != 0)
            {
                throw new IOException($"{path}: cannot flush the folder ({Marshal.GetLastPInvokeErrorMessage()}).");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    // .NET refuses to open a folder as a file, hence the three calls.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
