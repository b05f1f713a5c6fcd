namespace Serving.Models;

/// <summary>One version of a name as people want to see it. Immutable.</summary>
/// <param name="Folder">The version.</param>
/// <param name="Words">What it is now: "current", "pinned", "promoted", "previous", "candidate", "held back", "retired"; none for just an old one.</param>
public sealed record VersionStatus(ModelFolder Folder, IReadOnlyList<string> Words)
{
    /// <summary>All versions of a name, oldest first.</summary>
    /// <param name="versions">Committed versions.</param>
    /// <param name="deployment">What was decided.</param>
    /// <param name="current">What the name means now.</param>
    /// <param name="gated">Whether newer versions wait for a decision.</param>
    public static IReadOnlyList<VersionStatus> Of(IReadOnlyList<ModelFolder> versions, Deployment deployment, int? current, bool gated)
    {
        var choice = new VersionChoice(deployment, [.. versions.Select(version => version.Number)], current, gated);
        var candidate = current is { } number ? choice.Candidates(number).Cast<int?>().FirstOrDefault() : null;
        return [.. versions.Select(version => new VersionStatus(version, [.. Words(version.Number)]))];

        IEnumerable<string> Words(int version)
        {
            (bool Holds, string Word)[] words =
            [
                (version == current, "current"),
                (version == deployment.Pinned, "pinned"),
                (version == deployment.Promoted, "promoted"),
                (version == candidate, "candidate"),
                (version == deployment.Previous && version != current, "previous"),
                (deployment.Barred.Contains(version), "held back"),
                (deployment.Retired.Contains(version), "retired"),
            ];
            return words.Where(word => word.Holds).Select(word => word.Word);
        }
    }
}
