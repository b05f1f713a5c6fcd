using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Serving.Episodes;

/// <summary>Small files that must be either the old or the new one after a crash, and folder entries that must survive it. Stateless.</summary>
public static partial class DurableFile
{
    /// <summary>Temporary file, fsync, rename, fsync of the folder.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".tmp";
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, content, 0);
            RandomAccess.FlushToDisk(file);
        }

        File.Move(temporary, path, overwrite: true);
        SyncFolder(Path.GetDirectoryName(path)!);
    }

    /// <summary>Creates a folder with those above it; each name is durable.</summary>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path) || Path.GetDirectoryName(path) is not { } parent)
        {
            return;
        }

        CreateFolder(parent);
        Directory.CreateDirectory(path);
        SyncFolder(parent);
    }

    /// <summary>Makes names created in a folder durable. Windows keeps them with the file and has no such call.</summary>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // .NET refuses to open folders, so this goes to the C library.
        var descriptor = Open(folder, 0);
        if (descriptor < 0)
        {
            throw Failure("opened", folder);
        }

        try
        {
            if (Sync(descriptor) != 0)
            {
                throw Failure("fsynced", folder);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string what, string folder)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"Folder '{folder}' cannot be {what}: {Marshal.GetPInvokeErrorMessage(error)}.", new Win32Exception(error));
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
