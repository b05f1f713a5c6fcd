using Serving.Models;
using Xunit;

namespace Serving.Tests.Models;

public sealed class DeploymentTests
{
    [Fact]
    public void Without_decisions_nothing_is_named()
    {
        var none = Deployment.Of([]);

        Assert.Null(none.Current);
        Assert.Null(none.Promoted);
        Assert.Null(none.Previous);
        Assert.True(none.Allows(1));
    }

    [Fact]
    public void A_promoted_version_is_current_and_a_roll_back_leads_to_the_one_before()
    {
        var promoted = Deployment.Of([Promote(3, from: 1), Promote(5, from: 3)]);
        Assert.Equal(5, promoted.Current);
        Assert.Equal(5, promoted.Promoted);
        Assert.Equal(3, promoted.Previous);

        var back = promoted.After(RollBack(5));
        Assert.Equal(3, back.Current);
        Assert.Equal(3, back.Promoted);
        Assert.False(back.Allows(5));

        var base1 = back.After(RollBack(3));
        Assert.Equal(1, base1.Current);
        Assert.Null(base1.Promoted);                  // nothing was ever decided for the first version
        Assert.Null(base1.Previous);
    }

    [Fact]
    public void A_roll_back_passes_over_versions_that_were_rolled_back_or_retired_before()
    {
        var deployment = Deployment.Of([Promote(2, from: 1), Promote(3, from: 2), RollBack(2), RollBack(3)]);

        Assert.Equal(1, deployment.Current);
        Assert.Equal(1, Deployment.Of([Promote(2, from: 1), Promote(3), Of(DecisionKind.Retire, 2), RollBack(3)]).Current);
    }

    [Fact]
    public void A_held_version_is_no_candidate_until_somebody_promotes_it_after_all()
    {
        var held = Deployment.Of([Of(DecisionKind.Hold, 2)]);
        Assert.False(held.Allows(2));
        Assert.Null(held.Current);

        var promoted = held.After(Promote(2, from: 1));
        Assert.True(promoted.Allows(2));
        Assert.Equal(2, promoted.Current);
        Assert.Same(promoted, promoted.After(Of(DecisionKind.Hold, 2)));
    }

    [Fact]
    public void A_pin_stands_over_decisions_until_it_is_taken_off()
    {
        var pinned = Deployment.Of([Promote(2, from: 1), Of(DecisionKind.Pin, 1), Promote(3, from: 2)]);
        Assert.Equal(1, pinned.Current);
        Assert.Equal(3, pinned.Promoted);

        Assert.Equal(3, pinned.After(Of(DecisionKind.Unpin, 1)).Current);
        Assert.Null(Deployment.Of([Of(DecisionKind.Unpin, 1)]).Current);
    }

    [Fact]
    public void A_retired_version_loses_its_pin_and_its_place()
    {
        var deployment = Deployment.Of([Promote(2, from: 1), Of(DecisionKind.Pin, 2), Of(DecisionKind.Retire, 2)]);

        Assert.Equal(1, deployment.Current);
        Assert.Null(deployment.Pinned);
        Assert.False(deployment.Allows(2));
    }

    private static Decision Promote(int version, int? from = null) => Of(DecisionKind.Promote, version) with { From = from };

    private static Decision RollBack(int version) => Of(DecisionKind.RollBack, version);

    private static Decision Of(DecisionKind kind, int version) => new(kind, version, "test", "because");
}
