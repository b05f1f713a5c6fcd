using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// The registry root: models/&lt;name&gt;/&lt;version&gt;/. Versions are whole numbers as text ("1", "2", ...); the newest is the largest.
/// Stateless over the file system, so any number of processes may read while others publish. Thread-safe.
/// </summary>
public sealed class ModelStore(string root, TimeProvider time)
{
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>Names that have at least one committed version, sorted.</summary>
    public IReadOnlyList<string> Names() =>
        Directory.Exists(Root)
            ? [.. Directory.EnumerateDirectories(Root)
                .Select(path => Path.GetFileName(path))
                .Where(name => ModelId.IsName(name) && Latest(name) is not null)
                .Order(StringComparer.Ordinal)]
            : [];

    /// <summary>
    /// Committed versions of a name, oldest first; half-written and damaged folders are left out, see <see cref="Rejected"/>.
    /// </summary>
    public IReadOnlyList<ModelFolder> Versions(string name) =>
        [.. NewestFirst(name, 0).Select(found => found.Version).OfType<ModelFolder>().Reverse()];

    /// <summary>
    /// Numbered folders of a name that are not versions, and why. A folder that is being published just now may be among them.
    /// </summary>
    public IReadOnlyList<RejectedFolder> Rejected(string name) =>
        [.. NewestFirst(name, 0).Select(found => found.Rejected).OfType<RejectedFolder>().Reverse()];

    /// <summary>The newest version, or null.</summary>
    public ModelFolder? Latest(string name) =>
        NewestFirst(name, 0).Select(found => found.Version).FirstOrDefault(version => version is not null);

    /// <summary>"name@version" or "name" (= newest).</summary>
    /// <exception cref="ModelException">There is no such version; the message lists those that exist.</exception>
    public ModelFolder Find(string id)
    {
        var wanted = ModelId.Parse(id);
        if (wanted.Version is not { } version)
        {
            return Latest(wanted.Name) ?? throw Missing(wanted.Name);
        }

        var found = NewestFirst(wanted.Name, version - 1).LastOrDefault(found => found.Number == version);
        if (found.Version is not null)
        {
            return found.Version;
        }

        var others = Versions(wanted.Name);
        throw others.Count == 0
            ? Missing(wanted.Name)
            : new ModelException(
                $"There is no version \"{id}\" in {Root}; \"{wanted.Name}\" has {string.Join(", ", others.Select(other => other.Manifest.Version))}."
                + (found.Rejected is null ? "" : " " + found.Rejected.Reason));
    }

    /// <summary>
    /// Publishes a version: calls <paramref name="write"/> on a staging folder beside the versions, hashes and fsyncs every file, renames it to
    /// the next version number and writes manifest.json last (temporary file, fsync, rename, fsync of the folder). Blocks; several processes may
    /// publish at once. When <paramref name="write"/> throws, nothing is published and its files are removed.
    /// </summary>
    /// <exception cref="ModelException">The name is not a model name, or something other than plain files was written.</exception>
    public ModelFolder Publish(
        string name, ModelKind kind, Action<string> write, string? parent = null, JsonObject? training = null, JsonObject? figures = null)
    {
        ArgumentNullException.ThrowIfNull(write);
        if (ModelId.Parse(name).Version is not null)
        {
            throw new ModelException($"\"{name}\": publish under a name; the store gives the version number.");
        }

        var publication = new ModelPublication(Root, name, time);
        try
        {
            publication.Stage(write);
            publication.Seal();
            publication.TakeNumber();
            return publication.Commit(kind, parent, training, figures);
        }
        catch
        {
            publication.Discard();
            throw;
        }
    }

    /// <summary>
    /// Hashes every file against the manifest; also refuses names that leave the folder and unlisted files (README.md excepted).
    /// </summary>
    /// <exception cref="ManifestException">
    /// A digest differs, a file is missing, unlisted or a link out of the folder, or a name escapes it.
    /// </exception>
    public static void Verify(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ModelVerification.Verify(folder);
    }

    /// <summary>A version number in its one spelling (no sign, no leading zero), or null.</summary>
    public static int? ParseVersion(string text) => ModelId.ParseVersion(text);

    /// <summary>Folder of a name: its versions and decisions.</summary>
    /// <exception cref="ModelException">It is no model name.</exception>
    internal string HomeOf(string name) => Path.Combine(Root, ModelId.Parse(name).Name);

    /// <summary>Numbers of the version folders of a name, committed or not, in any order.</summary>
    internal IReadOnlyList<int> Numbers(string name)
    {
        var home = HomeOf(name);
        return Directory.Exists(home)
            ? [.. Directory.EnumerateDirectories(home).Select(path => ModelId.ParseVersion(Path.GetFileName(path.AsSpan()))).OfType<int>()]
            : [];
    }

    /// <summary>One numbered folder: a version, or the reason why it is none.</summary>
    internal (ModelFolder? Version, RejectedFolder? Rejected) Open(string name, int number)
    {
        var path = Path.Combine(HomeOf(name), ModelId.Text(number));
        var version = Read(name, number, path, out var reason);
        return (version, version is null ? new RejectedFolder(path, reason) : null);
    }

    internal ModelException Missing(string name)
    {
        var names = Names();
        return new ModelException(
            $"{Root} holds no committed version of \"{name}\"; "
            + (names.Count == 0 ? "it holds no models at all." : $"it holds {string.Join(", ", names)}."));
    }

    /// <summary>
    /// The numbered folders above a number, each as a version or with the reason why it is none. Reads a manifest only when asked for the
    /// next.
    /// </summary>
    private IEnumerable<(int Number, ModelFolder? Version, RejectedFolder? Rejected)> NewestFirst(string name, int above)
    {
        foreach (var number in Numbers(name).Where(number => number > above).OrderDescending())
        {
            var (version, rejected) = Open(name, number);
            yield return (number, version, rejected);
        }
    }

    private static ModelFolder? Read(string name, int number, string path, out string reason)
    {
        try
        {
            if (!File.Exists(Path.Combine(path, ModelFiles.Manifest)))
            {
                reason = $"{path}: no {ModelFiles.Manifest}, so it was never committed; if nobody is publishing it now, delete it.";
                return null;
            }

            var manifest = ModelManifest.Read(path);
            reason = $"{path}: its manifest is that of {manifest.Name}@{manifest.Version}; a copied version keeps its name and number, or is published anew.";
            return manifest.Name == name && manifest.Version == ModelId.Text(number) ? new ModelFolder(path, manifest) : null;
        }
        catch (ManifestException e)
        {
            reason = e.Message;
            return null;
        }
    }
}
