using System.Security.Cryptography;
using System.Text;
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
/// "sha256:" + hex of the sorted "name sha256" lines of <see cref="Files"/>. The file's layout: docs/formats.md.
/// </summary>
public sealed record ModelManifest
{
    public required ModelKind Kind { get; init; }

    public required string Name { get; init; }

    public required string Version { get; init; }

    /// <summary>
    /// Lower-case hex sha256 of every other file of the folder, by file name; README.md, the model card, may be left out.
    /// </summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>"name@version" that this one was trained from.</summary>
    public string? Parent { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>What it was trained on and by which command; free-form.</summary>
    public JsonObject? Training { get; init; }

    /// <summary>Measured figures; free-form.</summary>
    public JsonObject? Figures { get; init; }

    public required string Digest { get; init; }

    /// <summary>Reads manifest.json of <paramref name="folder"/>. Fields that we do not know are ignored.</summary>
    /// <exception cref="ManifestException">
    /// A field is missing or malformed, or the digest is not that of the files; the message names the field.
    /// </exception>
    public static ModelManifest Read(string folder) => ManifestJson.Read(Path.Combine(folder, ModelFiles.Manifest));

    /// <summary>
    /// The digest of a set of files, see <see cref="Digest"/>: each line ends in one newline, lines sorted by the names' UTF-16 code units.
    /// </summary>
    public static string DigestOf(IReadOnlyDictionary<string, string> files)
    {
        var lines = new StringBuilder();
        foreach (var (name, hash) in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            lines.Append(name).Append(' ').Append(hash).Append('\n');
        }

        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

    /// <summary>The text of manifest.json.</summary>
    public string ToJson() => ManifestJson.Write(this);
}
