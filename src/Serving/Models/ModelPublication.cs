using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// One version on its way into the registry, in four steps. Whatever step the process dies in, readers see either no new version or the whole
/// of it: before <see cref="Commit"/> the folder is hidden or has no manifest.json. Used by one thread; other publishers may run beside it.
/// </summary>
internal sealed class ModelPublication(string root, string name, TimeProvider time)
{
    private const string StagingPrefix = ".staging-";
    private const string UnfinishedManifest = ".manifest.json.tmp";

    /// <summary>Leftovers of dead publishers are removed only at this age: nobody writes one version for a day.</summary>
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(1);

    private readonly string _home = Path.Combine(root, name);
    private readonly SortedDictionary<string, string> _files = new(StringComparer.Ordinal);
    private string _folder = Path.Combine(root, name, StagingPrefix + Guid.CreateVersion7(time.GetUtcNow()).ToString("N"));
    private int _number;
    private bool _committed;

    /// <summary>Step 1: has the files written into a hidden folder on the same volume.</summary>
    public void Stage(Action<string> write)
    {
        Directory.CreateDirectory(_home);
        RemoveAbandoned();
        Directory.CreateDirectory(_folder);
        write(_folder);
    }

    /// <summary>Step 2: hashes every file and makes it durable.</summary>
    public void Seal()
    {
        foreach (var entry in new DirectoryInfo(_folder).EnumerateFileSystemInfos())
        {
            if (entry is not FileInfo || entry.LinkTarget is not null || !ManifestJson.IsFileName(entry.Name))
            {
                throw new ManifestException(
                    $"{entry.Name} cannot be part of a version of \"{name}\": a version holds plain files only, and manifest.json is written by the store.");
            }

            var hash = ModelVerification.Hash(entry.FullName, flush: true);
            if (entry.Name != ModelVerification.Card)
            {
                _files.Add(entry.Name, hash);
            }
        }

        if (_files.Count == 0)
        {
            throw new ManifestException($"Nothing was written for the new version of \"{name}\".");
        }

        DiskSync.Folder(_folder);
    }

    /// <summary>
    /// Step 3: takes the next version number. Renaming onto a folder with files in it fails, so two publishers never get the same one.
    /// </summary>
    public void TakeNumber()
    {
        for (_number = checked(HighestNumber() + 1); ; _number++)
        {
            var target = Path.Combine(_home, ModelId.Text(_number));
            try
            {
                Directory.Move(_folder, target);
                _folder = target;
                break;
            }
            catch (IOException) when (Path.Exists(target))
            {
                // Somebody else took this number: try the next.
            }
        }

        DiskSync.Folder(_home);
        DiskSync.Folder(root);
    }

    /// <summary>Step 4: writes manifest.json. Its rename is the moment at which the version exists.</summary>
    public ModelFolder Commit(ModelKind kind, string? parent, JsonObject? training, JsonObject? figures)
    {
        var manifest = new ModelManifest
        {
            Kind = kind,
            Name = name,
            Version = ModelId.Text(_number),
            Files = _files,
            Parent = parent,
            Created = time.GetUtcNow(),
            Training = training,
            Figures = figures,
            Digest = ModelManifest.DigestOf(_files),
        };
        var unfinished = Path.Combine(_folder, UnfinishedManifest);
        using (var file = new FileStream(unfinished, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(Encoding.UTF8.GetBytes(manifest.ToJson()));
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, Path.Combine(_folder, ModelFiles.Manifest));
        _committed = true;
        DiskSync.Folder(_folder);
        return new ModelFolder(_folder, ModelManifest.Read(_folder));
    }

    /// <summary>Removes what a failed publication has written. Never touches a committed version.</summary>
    public void Discard()
    {
        if (!_committed)
        {
            Remove(_folder);
        }
    }

    private int HighestNumber() =>
        Directory.EnumerateFileSystemEntries(_home).Max(entry => ModelId.ParseVersion(Path.GetFileName(entry.AsSpan()))) ?? 0;

    private void RemoveAbandoned()
    {
        foreach (var leftover in Directory.EnumerateDirectories(_home, StagingPrefix + "*"))
        {
            if (time.GetUtcNow() - Directory.GetLastWriteTimeUtc(leftover) > _abandoned)
            {
                Remove(leftover);
            }
        }
    }

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is hidden or has no manifest, so it is no version; a later publisher removes it, or a person does.
        }
    }
}
