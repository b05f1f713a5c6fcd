namespace Serving.Models;

/// <summary>
/// Which versions of a name should be in use, best first. Pure: the decisions, the numbers of the version folders that there are (working or not) and
/// the version in use go in. Immutable.
/// </summary>
/// <param name="Deployment">What was decided.</param>
/// <param name="Numbers">Numbers of the version folders, in any order.</param>
/// <param name="InUse">The version that the name means now; null while there is none.</param>
/// <param name="Gated">Whether a newer version needs a decision to become current.</param>
internal sealed record VersionChoice(Deployment Deployment, IReadOnlyList<int> Numbers, int? InUse, bool Gated)
{
    /// <summary>The version that a decision asks for by name; null = the newest or, where versions are gated, the one in use.</summary>
    public int? Wanted => Deployment.Pinned ?? (Gated ? Deployment.Decided : null);

    /// <summary>The version that stays in memory for an instant roll-back, should it be there.</summary>
    public int? Kept => Gated ? Deployment.Previous : null;

    /// <summary>
    /// Versions to be current, best first: the first that works is. While something is in use, a version that was asked for by name has no substitute.
    /// </summary>
    public IEnumerable<int> Current()
    {
        if (Wanted is { } wanted)
        {
            return InUse is null ? Fallbacks(wanted).Prepend(wanted) : [wanted];
        }

        return Gated && InUse is { } inUse && Deployment.Allows(inUse) ? [inUse] : Defaults();
    }

    /// <summary>Versions to be compared with the current one, newest first; none where a pin or no gate makes that pointless.</summary>
    public IEnumerable<int> Candidates(int current) => Gated && Deployment.Pinned is null
        ? Numbers.Where(number => number > current && Deployment.Allows(number)).OrderDescending()
        : [];

    private IEnumerable<int> Fallbacks(int wanted)
    {
        int?[] decided = [Deployment.Decided, Deployment.Previous];
        return decided.OfType<int>().Concat(Defaults()).Where(number => number != wanted).Distinct();
    }

    /// <summary>
    /// Without a word of anybody: the newest, or where versions are gated the oldest, which everything is compared with. What was put aside comes last: where nothing
    /// else is left, the name goes on meaning something, and no server fails to start over a decision. Retired versions never come.
    /// </summary>
    private IEnumerable<int> Defaults()
    {
        // The version in use counts even when its folder is gone: it works.
        var usable = (InUse is { } inUse ? Numbers.Append(inUse).Distinct() : Numbers).Where(number => !Deployment.Retired.Contains(number));
        return (Gated ? usable.Order() : usable.OrderDescending()).OrderBy(Deployment.Barred.Contains);
    }
}
