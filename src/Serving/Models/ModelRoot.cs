namespace Serving.Models;

/// <summary>
/// Where the registry lies: a relative Models:Root has to mean the same folder from the repository root, from elsewhere and when installed.
/// </summary>
public static class ModelRoot
{
    /// <summary>The absolute registry root of a host that runs in <paramref name="contentRoot"/>.</summary>
    public static string Resolve(string root, string contentRoot) =>
        Resolve(root, Directory.GetCurrentDirectory(), contentRoot, AppContext.BaseDirectory);

    /// <summary>
    /// Absolute paths are taken as they are. Otherwise the first existing one of: below the current directory, below the content root, below the
    /// program's own folder or any folder above it. When there is none, the one below the current directory, where a publisher would make it.
    /// </summary>
    internal static string Resolve(string root, string currentDirectory, string contentRoot, string programFolder)
    {
        if (Path.IsPathRooted(root))
        {
            return Path.GetFullPath(root);
        }

        foreach (var start in new[] { currentDirectory, contentRoot }.Concat(Ancestors(programFolder)))
        {
            var candidate = Path.GetFullPath(root, start);
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return Path.GetFullPath(root, currentDirectory);
    }

    private static IEnumerable<string> Ancestors(string folder)
    {
        for (var directory = new DirectoryInfo(folder); directory is not null; directory = directory.Parent)
        {
            yield return directory.FullName;
        }
    }
}
