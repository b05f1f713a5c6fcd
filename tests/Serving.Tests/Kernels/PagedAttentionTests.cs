using Serving.Kernels;
using Xunit;

namespace Serving.Tests.Kernels;

public sealed class PagedAttentionTests
{
    private static readonly Func<float, float> _exact = value => value;

    /// <summary>Query heads, key heads, width of a head.</summary>
    public static TheoryData<int, int, int, KvFormat> Shapes => new()
    {
        { 4, 4, 16, KvFormat.Float32 },
        { 6, 2, 32, KvFormat.Float32 },
        { 2, 2, 48, KvFormat.Float32 },
        { 4, 4, 64, KvFormat.Float32 },
        { 5, 5, 64, KvFormat.BFloat16 },
        { 8, 2, 64, KvFormat.Float32 },
        { 5, 1, 80, KvFormat.Float32 },
        { 8, 1, 128, KvFormat.Float32 },
        { 2, 2, 128, KvFormat.BFloat16 },
        { 6, 2, 32, KvFormat.BFloat16 },
        { 3, 3, 16, KvFormat.BFloat16 },
    };

    /// <summary>
    /// Rows open, fork at any length (of forks, too), go, and grow by one or many tokens in steps of any set of them. Every token's result is compared
    /// with the definition, and with its bits in a row of its own that was computed in one piece.
    /// </summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_token_of_any_history_equals_the_definition_and_has_the_bits_that_it_has_alone(int heads, int keyHeads, int width, KvFormat format)
    {
        var random = new Random(heads + width);
        using var world = new AttentionWorld(heads, keyHeads, width, format);
        using var alone = new AttentionWorld(heads, keyHeads, width, format);
        var rows = new List<AttentionWorld.Row> { world.Open() };
        var compared = 0;
        for (var step = 0; step < 40; step++)
        {
            while (rows.Count < 9 && random.Next(3) > 0)
            {
                var origin = rows[random.Next(rows.Count)];
                rows.Add(random.Next(4) == 0 ? world.Open() : world.Fork(origin, random.Next(origin.Tokens.Count + 1)));
            }

            if (rows.Count > 6 && random.Next(2) == 0)
            {
                var gone = random.Next(1, rows.Count);
                world.Close(rows[gone]);
                rows.RemoveAt(gone);
            }

            (AttentionWorld.Row Row, int[] Tokens)[] growth = [.. rows
                .Where(_ => random.Next(4) > 0)
                .OrderBy(_ => random.Next())
                .Select(row => (row, Tokens(random, random.Next(4) == 0 ? random.Next(2, 40) : 1)))];
            if (growth.Length == 0)
            {
                continue;
            }

            var results = world.Step(growth, cuts: random.Next(1, 4));
            foreach (var ((row, tokens), result) in growth.Zip(results))
            {
                var whole = Alone(alone, row.Tokens)[^tokens.Length..];
                for (var i = 0; i < tokens.Length; i++)
                {
                    Assert.True(whole[i].AsSpan().SequenceEqual(result[i]), $"Step {step}: token {row.Tokens.Count - tokens.Length + i} has other bits alone.");
                }

                var last = random.Next(tokens.Length);
                var expected = world.Reference(row.Tokens[..(row.Tokens.Count - tokens.Length + last + 1)], format == KvFormat.Float32 ? _exact : ToBFloat16);
                Assert.True(Difference(expected, result[last]) < 1e-5, $"Step {step}: {Difference(expected, result[last]):g3} from the definition.");
                compared++;
            }
        }

        Assert.True(compared > 80 && rows.Max(row => row.Tokens.Count) > 64, $"{compared} compared, {rows.Max(row => row.Tokens.Count)} tokens.");
    }

    [Theory]
    [InlineData(4, 4, 64)]
    [InlineData(6, 2, 32)]
    public void A_prompt_has_the_same_bits_in_one_piece_and_in_any_pieces(int heads, int keyHeads, int width)
    {
        using var world = new AttentionWorld(heads, keyHeads, width, KvFormat.Float32);
        var prompt = Tokens(new Random(5), 100);
        var whole = Alone(world, prompt);
        foreach (var piece in new[] { 1, 3, 4, 15, 16, 17, 64, 99 })
        {
            var row = world.Open();
            float[][] pieces = [.. prompt.Chunk(piece).SelectMany(tokens => world.Step([(row, tokens)])[0])];
            Assert.Equal(whole, pieces);
            world.Close(row);
        }
    }

    [Fact]
    public void Candidates_of_one_prompt_share_its_pages_and_have_the_bits_of_rows_of_their_own()
    {
        using var world = new AttentionWorld(4, 2, 64, KvFormat.Float32);
        var random = new Random(8);
        var prompt = Tokens(random, 70);
        var origin = world.Open();
        world.Step([(origin, prompt)]);
        var candidates = Enumerable.Range(0, 16).Select(_ => world.Fork(origin, 70)).ToArray();
        Assert.Equal(5 + 16, world.PagesInUse);          // four whole pages for all, an unfinished one for each
        world.Close(origin);

        for (var step = 0; step < 12; step++)
        {
            var results = world.Step([.. candidates.Select(row => (row, Tokens(random, 1)))], cuts: 2);
            foreach (var (row, result) in candidates.Zip(results))
            {
                Assert.Equal(Alone(world, row.Tokens)[^1], result[0]);
            }
        }

        Assert.Equal(4 + (2 * 16), world.PagesInUse);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(16)]
    public void Keys_and_values_in_bfloat16_stay_near_those_in_fp32(int width)
    {
        using var world = new AttentionWorld(4, 2, width, KvFormat.BFloat16);
        var tokens = Tokens(new Random(3), 120);
        var results = Alone(world, tokens);

        Assert.All(results.Index(), result => Assert.True(Difference(world.Reference(tokens[..(result.Index + 1)], _exact), result.Item) < 0.03));
        Assert.True(Difference(world.Reference(tokens, _exact), results[^1]) > 1e-5);       // or it would not be bfloat16
    }

    [Fact]
    public void One_score_far_above_the_others_and_scores_beyond_every_exponential_give_finite_results()
    {
        using var pages = new KvPages(1, 1, 16, KvFormat.Float32);
        using var attention = new PagedAttention(pages, 1, 1, 16);
        var (plan, row) = (new AttentionPlan(), new KvRow());
        row.Grow(pages, 40);
        plan.Begin();
        plan.Add(row, 40);
        plan.Finish();
        attention.Begin(plan);
        var output = new float[40 * 16];
        unsafe
        {
            for (var position = 0; position < 40; position++)
            {
                new Span<float>(attention.Query(position, 0), 16).Fill(100);
                var (key, value) = (Enumerable.Repeat(position == 20 ? 50f : -50f, 16).ToArray(), Enumerable.Repeat((float)position, 16).ToArray());
                fixed (float* k = key, v = value)
                {
                    attention.Store(row, position, 0, 0, k, v);
                }
            }

            fixed (float* target = output)
            {
                attention.Run(plan, 0, 0, 1, target, 16);
            }
        }

        Assert.Equal(9.5, output[19 * 16], 1e-5);        // all alike
        Assert.Equal(20, output[39 * 16]);
    }

    private static float[][] Alone(AttentionWorld world, IEnumerable<int> tokens)
    {
        var row = world.Open();
        var results = world.Step([(row, [.. tokens])])[0];
        world.Close(row);
        return results;
    }

    private static int[] Tokens(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(50))];

    private static double Difference(double[] expected, float[] actual) =>
        expected.Zip(actual, (a, b) => double.IsNaN(b) ? double.PositiveInfinity : Math.Abs(a - b)).Max();

    /// <summary>To nearest, ties to even.</summary>
    private static float ToBFloat16(float value)
    {
        var below = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000);
        var above = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(below) + 0x10000);
        var (down, up) = (Math.Abs((double)value - below), Math.Abs((double)above - value));
        var even = (BitConverter.SingleToUInt32Bits(below) & 0x10000) == 0;
        return down < up || (down == up && even) ? below : above;
    }
}
