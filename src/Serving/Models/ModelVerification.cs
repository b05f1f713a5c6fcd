using System.Security.Cryptography;

namespace Serving.Models;

/// <summary>Compares a version's folder with its manifest, file by file.</summary>
internal static class ModelVerification
{
    /// <summary>The model card: for people, so it may be edited after the commit and need not be listed.</summary>
    public const string Card = "README.md";

    public static void Verify(ModelFolder folder)
    {
        foreach (var name in folder.Manifest.Files.Keys)
        {
            if (!ManifestJson.IsFileName(name))
            {
                throw new ManifestException(
                    $"{folder.File(ModelFiles.Manifest)}: files lists \"{name}\", which is not the name of a file of the folder itself.");
            }
        }

        RefuseUnlisted(folder);
        foreach (var (name, expected) in folder.Manifest.Files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            var found = Hash(folder, name);
            if (found != expected)
            {
                throw new ManifestException(
                    $"{folder.File(name)}: its sha256 is {found}, but manifest.json states {expected}: it is damaged or not copied to the end; "
                    + "copy or publish the version again.");
            }
        }
    }

    /// <summary>Lower-case hex sha256 of a file; <paramref name="flush"/> also makes its content durable.</summary>
    public static string Hash(string path, bool flush = false)
    {
        // Windows flushes through writable handles only.
        var access = flush && OperatingSystem.IsWindows() ? FileAccess.ReadWrite : FileAccess.Read;
        using var file = new FileStream(path, FileMode.Open, access, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        if (flush)
        {
            RandomAccess.FlushToDisk(file.SafeFileHandle);
        }

        return hash;
    }

    private static void RefuseUnlisted(ModelFolder folder)
    {
        DirectoryInfo directory = new(folder.Path);
        if (!directory.Exists)
        {
            throw new ManifestException($"{folder.Path}: the folder is gone.");
        }

        foreach (var entry in directory.EnumerateFileSystemInfos())
        {
            if (entry.Name is ModelFiles.Manifest or Card || folder.Manifest.Files.ContainsKey(entry.Name))
            {
                continue;
            }

            throw new ManifestException(entry is DirectoryInfo
                ? $"{entry.FullName}: a version's folder holds no folders; move its files up or delete it."
                : $"{entry.FullName}: manifest.json does not list this file, so nothing vouches for it; delete it or publish the version again.");
        }
    }

    private static string Hash(ModelFolder folder, string name)
    {
        FileInfo file = new(folder.File(name));
        try
        {
            if (file.ResolveLinkTarget(returnFinalTarget: true) is { } target
                && Path.GetDirectoryName(target.FullName) != Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder.Path)))
            {
                throw new ManifestException($"{file.FullName}: a link to {target.FullName}, outside the folder; copy the file itself here.");
            }

            return Hash(file.FullName);
        }
        catch (FileNotFoundException)
        {
            throw new ManifestException($"{file.FullName}: manifest.json lists this file, but it is missing; copy or publish the version again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ManifestException($"{file.FullName}: cannot be read ({e.Message}).");
        }
    }
}
