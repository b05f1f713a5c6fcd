using Serving.Trainer.Data;

namespace Serving.Trainer.Tests.Data;

public sealed class StepRandomTests
{
    [Fact]
    public void Draws_depend_on_seed_stream_and_counters_and_on_nothing_else()
    {
        var random = new StepRandom(5, "batch");

        Assert.Equal(random.Bits(1, 2), new StepRandom(5, "batch").Bits(1, 2));
        ulong[] others = [random.Bits(2, 1), random.Bits(1, 3), new StepRandom(6, "batch").Bits(1, 2), new StepRandom(5, "replay").Bits(1, 2)];
        Assert.DoesNotContain(random.Bits(1, 2), others);
        Assert.Equal(4, others.Distinct().Count());
    }

    [Fact]
    public void They_are_uniform_over_either_counter()
    {
        var random = new StepRandom(1, "test");

        foreach (var draw in (Func<ulong, double>[])[i => random.Uniform(i, 0), i => random.Uniform(0, i)])
        {
            var values = Enumerable.Range(0, 20_000).Select(i => draw((ulong)i)).ToArray();
            Assert.Equal(.5, values.Average(), .01);
            Assert.Equal(1 / 12.0, values.Average(value => (value - .5) * (value - .5)), .002);
            Assert.InRange(values.Min(), 0, .001);
            Assert.InRange(values.Max(), .999, 1);
        }
    }

    [Fact]
    public void A_permutation_holds_every_index_once_and_changes_with_the_epoch()
    {
        var random = new StepRandom(1, "test");

        Assert.Equal(Enumerable.Range(0, 50), random.Permutation(50, 3).Order());
        Assert.Equal(random.Permutation(50, 3), random.Permutation(50, 3));
        Assert.NotEqual(random.Permutation(50, 3), random.Permutation(50, 4));
    }
}
