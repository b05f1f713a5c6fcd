using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class CounterRandomTests
{
    [Theory]     // Known answers of Random123's kat_vectors, philox4x32 with 10 rounds.
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_its_published_answers(
        uint a, uint b, uint c, uint d, uint lowKey, uint highKey, uint first, uint second, uint third, uint fourth) =>
        Assert.Equal((first, second, third, fourth), CounterRandom.Block(a, b, c, d, lowKey, highKey));

    [Fact]
    public void Draws_are_uniform_and_differ_by_seed_candidate_and_position()
    {
        var draws = new HashSet<double>();
        var sum = 0.0;
        for (var i = 0; i < 1000; i++)
        {
            foreach (var draw in new[] { CounterRandom.Uniform(7, i), CounterRandom.Uniform(CounterRandom.ChildSeed(7, i + 1), 0), CounterRandom.Uniform(8UL + ((ulong)i << 32), 0) })
            {
                Assert.InRange(draw, 0, 1 - double.Epsilon);
                draws.Add(draw);
                sum += draw;
            }
        }

        Assert.Equal(3000, draws.Count);
        Assert.Equal(0.5, sum / 3000, 0.03);        // the mean of 3000 draws has standard deviation 0.0053
    }
}
