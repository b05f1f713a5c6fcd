using System.Collections.Immutable;

namespace Serving.Models;

/// <summary>
/// What the decisions about a name come to: a fold over them in the order of their numbers. Immutable. Versions are numbers; whether they exist
/// and work is not known here.
/// </summary>
public sealed record Deployment
{
    private Deployment()
    {
    }

    /// <summary>No decision was made yet.</summary>
    public static Deployment None { get; } = new();

    /// <summary>The version that the name means: the pinned one, else the one decided for. Null = no decision names one.</summary>
    public int? Current => Pinned ?? Decided;

    /// <summary>The version promoted last, or the one that a roll-back led to; a pin does not change it.</summary>
    public int? Decided => Steps.IsEmpty ? null : Steps[^1].Version;

    /// <summary>The decided version, when it has passed the gate or an operator's judgement: "auto" may go to it.</summary>
    public int? Promoted => !Steps.IsEmpty && Steps[^1].Promoted ? Steps[^1].Version : null;

    /// <summary>Where a roll-back of the decided version leads; null = nowhere.</summary>
    public int? Previous => Steps.Length > 1 ? Steps[^2].Version : null;

    public int? Pinned { get; private init; }

    /// <summary>Versions that were held or rolled back: no candidates.</summary>
    public ImmutableHashSet<int> Barred { get; private init; } = [];

    /// <summary>Versions that are never used again.</summary>
    public ImmutableHashSet<int> Retired { get; private init; } = [];

    /// <summary>The versions that the name has meant, oldest first; what was rolled back or retired is taken out.</summary>
    private ImmutableArray<Step> Steps { get; init; } = [];

    /// <summary>The fold. Decisions that make no sense (an unpin without a pin) change nothing.</summary>
    public static Deployment Of(IEnumerable<Decision> decisions) => decisions.Aggregate(None, (before, decision) => before.After(decision));

    /// <summary>False for a version that was held, rolled back or retired.</summary>
    public bool Allows(int version) => !Barred.Contains(version) && !Retired.Contains(version);

    /// <summary>What it is after one more decision.</summary>
    public Deployment After(Decision decision)
    {
        ArgumentNullException.ThrowIfNull(decision);
        var version = decision.Version;
        return decision.Kind switch
        {
            DecisionKind.Promote => Promote(version, decision.From),
            DecisionKind.Hold when version == Decided => this,
            DecisionKind.Hold => this with { Barred = Barred.Add(version) },
            DecisionKind.RollBack => this with { Barred = Barred.Add(version), Steps = Without(version) },
            DecisionKind.Pin => this with { Pinned = version, Retired = Retired.Remove(version) },
            DecisionKind.Unpin => this with { Pinned = null },
            DecisionKind.Retire => this with { Retired = Retired.Add(version), Steps = Without(version), Pinned = Pinned == version ? null : Pinned },
            _ => throw new ArgumentOutOfRangeException(nameof(decision)),
        };
    }

    private Deployment Promote(int version, int? from)
    {
        var steps = Without(version);
        if (steps.IsEmpty && from is { } first && first != version && Allows(first))
        {
            steps = [new Step(first, Promoted: false)];          // what the name meant before anything was decided
        }

        return this with
        {
            Steps = steps.Add(new Step(version, Promoted: true)),
            Barred = Barred.Remove(version),
            Retired = Retired.Remove(version),
        };
    }

    private ImmutableArray<Step> Without(int version) => Steps.RemoveAll(step => step.Version == version);

    private readonly record struct Step(int Version, bool Promoted);
}
