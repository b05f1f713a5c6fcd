using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// The registry root: models/&lt;name&gt;/&lt;version&gt;/. Versions are whole numbers as text ("1", "2", ...); the newest is the largest.
/// Stateless over the file system, so any number of processes may read while one publishes.
/// </summary>
public sealed class ModelStore(string root, TimeProvider time)
{
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>Names that have at least one committed version.</summary>
    public IReadOnlyList<string> Names() => throw new NotImplementedException();

    /// <summary>Committed versions of a name, oldest first; folders without a manifest are not versions.</summary>
    public IReadOnlyList<ModelFolder> Versions(string name) => throw new NotImplementedException();

    /// <summary>The newest version, or null.</summary>
    public ModelFolder? Latest(string name) => throw new NotImplementedException();

    /// <summary>"name@version" or "name" (= newest).</summary>
    /// <exception cref="ModelException">There is no such version; the message lists those that exist.</exception>
    public ModelFolder Find(string id) => throw new NotImplementedException();

    /// <summary>
    /// Publishes a version: calls <paramref name="write"/> on a staging folder beside the versions, hashes and fsyncs every file, renames it to
    /// the next version number and writes manifest.json last (temporary file, fsync, rename, fsync of the folder).
    /// </summary>
    public ModelFolder Publish(string name, ModelKind kind, Action<string> write, string? parent = null, JsonObject? training = null, JsonObject? figures = null) =>
        throw new NotImplementedException();

    /// <summary>Hashes every file against the manifest; also refuses names that leave the folder and unlisted files.</summary>
    /// <exception cref="ManifestException">A digest differs, a file is missing or a name escapes the folder.</exception>
    public static void Verify(ModelFolder folder) => throw new NotImplementedException();

    internal TimeProvider Time => time;
}
