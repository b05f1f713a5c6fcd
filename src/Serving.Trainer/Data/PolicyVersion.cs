using System.Globalization;

namespace Serving.Trainer.Data;

/// <summary>The policy that drew a group, as its episode names it. Immutable.</summary>
/// <param name="Name">Model name.</param>
/// <param name="Version">From 1; versions of one name follow each other.</param>
public readonly record struct PolicyVersion(string Name, int Version)
{
    /// <summary>The version in "anchor@3"; null for a text that names none.</summary>
    public static PolicyVersion? Of(string id)
    {
        var at = id.LastIndexOf('@');
        return at > 0 && int.TryParse(id.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var version)
            ? new PolicyVersion(id[..at], version)
            : null;
    }
}
