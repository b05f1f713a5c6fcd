using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>What a version's folder is for.</summary>
public enum ModelKind
{
    /// <summary>A decoder that answers.</summary>
    Policy,

    /// <summary>A pair encoder that scores an answer against its source.</summary>
    Scorer,
}

/// <summary>
/// manifest.json: written last, so its presence is the commit of a version. Immutable. <see cref="Digest"/> identifies the version by content:
/// "sha256:" + hex of the sorted "name sha256" lines of <see cref="Files"/>.
/// </summary>
public sealed record ModelManifest
{
    public required ModelKind Kind { get; init; }

    public required string Name { get; init; }

    public required string Version { get; init; }

    /// <summary>Lower-case hex sha256 of every other file of the folder, by file name.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>"name@version" that this one was trained from.</summary>
    public string? Parent { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>What it was trained on and by which command; free-form.</summary>
    public JsonObject? Training { get; init; }

    /// <summary>Measured figures; free-form.</summary>
    public JsonObject? Figures { get; init; }

    public required string Digest { get; init; }
}
