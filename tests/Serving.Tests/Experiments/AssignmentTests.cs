using Serving.Experiments;

namespace Serving.Tests.Experiments;

public sealed class AssignmentTests
{
    private static readonly string[] _keys = [.. Enumerable.Range(0, 10_000).Select(i => $"user-{i}")];

    [Fact]
    public void A_key_gets_the_same_arm_however_often_it_asks()
    {
        foreach (var key in _keys.Take(100))
        {
            Assert.Equal(Assignment.Of(key, "student@2", 0.5), Assignment.Of(key, "student@2", 0.5));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.05)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    [InlineData(1)]
    public void Shares_are_kept(double share)
    {
        var distilled = _keys.Count(key => Assignment.Of(key, "student@2", share).Arm == Arm.Distilled);

        Assert.InRange(distilled / (double)_keys.Length, share - 0.02, share + 0.02);
    }

    [Fact]
    public void A_larger_share_takes_the_distilled_arm_from_nobody()
    {
        Assert.All(
            _keys.Where(key => Assignment.Of(key, "student@2", 0.1).Arm == Arm.Distilled),
            key => Assert.Equal(Arm.Distilled, Assignment.Of(key, "student@2", 0.3).Arm));
    }

    [Fact]
    public void Experiments_draw_independently()
    {
        var first = _keys.Where(key => Assignment.Of(key, "student@2", 0.5).Arm == Arm.Distilled).ToHashSet();
        var both = _keys.Count(key => first.Contains(key) && Assignment.Of(key, "student@3", 0.5).Arm == Arm.Distilled);

        Assert.InRange(both / (double)_keys.Length, 0.23, 0.27);
    }

    [Fact]
    public void The_key_itself_is_not_told()
    {
        Assert.DoesNotContain("alice@example.org", Assignment.Of("alice@example.org", "student@2", 0.5).ToString());
    }
}
