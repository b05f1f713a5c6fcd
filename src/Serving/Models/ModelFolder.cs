namespace Serving.Models;

/// <summary>One committed version on disk: an absolute folder and the manifest read from it. Immutable.</summary>
public sealed record ModelFolder(string Path, ModelManifest Manifest)
{
    /// <summary>"name@version".</summary>
    public string Id => $"{Manifest.Name}@{Manifest.Version}";

    public string File(string name) => System.IO.Path.Combine(Path, name);
}
