namespace Serving.Models;

/// <summary>The versions of a name that are in memory and work. Immutable.</summary>
/// <param name="Current">What the name means; null while there is none.</param>
/// <param name="Candidate">The newer version that is compared with it, if any.</param>
/// <param name="Others">Loaded without a role: just arrived, or kept for an instant roll-back.</param>
public sealed record HeldVersions(ModelFolder? Current, ModelFolder? Candidate, IReadOnlyList<ModelFolder> Others)
{
    /// <summary>A version by its number; null when it is not in memory.</summary>
    public ModelFolder? Find(int number) => Others.Append(Candidate).Append(Current).LastOrDefault(folder => folder?.Number == number);
}

/// <summary>What the owner of the loaded versions of a name does for the watcher. Immutable.</summary>
public sealed record VersionHolder
{
    /// <summary>What is in memory now. May be called at any time.</summary>
    public required Func<HeldVersions> Held { get; init; }

    /// <summary>
    /// Loads, warms and tests a version whose digests are right, so that it is one of <see cref="HeldVersions.Others"/>; may let go of others without a
    /// role. When told so, it is also compared with the version in use. Throws when the version cannot be used (nothing may have changed then); the
    /// message is reported. Called by one thread at a time.
    /// </summary>
    public required Func<ModelFolder, bool, CancellationToken, SwapResult> Load { get; init; }

    /// <summary>
    /// Makes versions that are in memory current and candidate, at once and without fail, keeps a third, and lets go of the rest. Called by one thread at
    /// a time, perhaps while another loads.
    /// </summary>
    public required Action<ModelFolder, ModelFolder?, ModelFolder?> Arrange { get; init; }
}
