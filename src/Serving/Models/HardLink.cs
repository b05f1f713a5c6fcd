using System.Runtime.InteropServices;

namespace Serving.Models;

/// <summary>A second name for the content of a file, which .NET has no call for.</summary>
public static partial class HardLink
{
    /// <param name="source">A file, or a link to one: caches of downloads are made of those.</param>
    /// <param name="target">The new name, on the same volume.</param>
    /// <exception cref="IOException">The link cannot be made, as across volumes.</exception>
    public static void Create(string source, string target)
    {
        // A hard link to a symbolic link would be one more symbolic link.
        var file = File.ResolveLinkTarget(source, returnFinalTarget: true)?.FullName ?? source;
        var linked = OperatingSystem.IsWindows() ? CreateHardLink(target, file, 0) : Link(file, target) == 0;
        if (!linked)
        {
            throw new IOException($"{source}: cannot be linked to {target} ({Marshal.GetLastPInvokeErrorMessage()}).");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string file, string name);

    [LibraryImport("kernel32", EntryPoint = "CreateHardLinkW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool CreateHardLink(string name, string file, nint security);
}
