namespace Serving.Models;

/// <summary>One committed version on disk: an absolute folder and the manifest read from it. Immutable.</summary>
public sealed record ModelFolder(string Path, ModelManifest Manifest)
{
    /// <summary>"name@version".</summary>
    public string Id => $"{Manifest.Name}@{Manifest.Version}";

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The version as a number; 0 when it is not one.</summary>
    public int Number => ModelId.ParseVersion(Manifest.Version) ?? 0;
}

/// <summary>A version's folder that is not used, and why.</summary>
/// <param name="Path">Absolute folder.</param>
/// <param name="Reason">What is wrong and what to do; ends in a full stop.</param>
public sealed record RejectedFolder(string Path, string Reason);
