using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

/// <summary>A request gets the same tokens and the same log-prob bits whatever else the engine does.</summary>
public sealed class SampleInvarianceTests(PolicyFixture policy) : IClassFixture<PolicyFixture>
{
    private static readonly SamplingParameters _sampling = new() { MaxTokens = 24, Seed = 5, TopP = 0.98f, IgnoreEos = true };
    private static readonly SampleRequest _request = new(PolicyFixture.Prompt(37, seed: 1), _sampling);

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, Precision.Float32)]
    [InlineData(2, Precision.Float32)]
    [InlineData(1, Precision.Int8)]
    [InlineData(2, Precision.Int8)]
    public async Task Alone_in_a_full_batch_and_with_neighbours_that_come_and_go(int threads, Precision precision)
    {
        using var engine = policy.Engine(slots: 6, threads: threads, precision: precision, cache: 300);
        using var single = policy.Engine(slots: 6, threads: 1, precision: precision);
        var alone = (await single.SampleAsync(_request, null, _token))[0];

        // Neighbours of many lengths, some of which outlive the request and some of which end before it.
        var neighbours = Enumerable.Range(0, 12)
            .Select(i => engine.SampleAsync(
                new SampleRequest(PolicyFixture.Prompt(5 + (7 * i), i + 50), _sampling with { MaxTokens = 3 + (5 * i), Seed = (ulong)i }, 1 + (i % 3)), null, _token))
            .ToList();
        var crowded = Enumerable.Range(0, 3).Select(_ => engine.SampleAsync(_request, null, _token)).ToList();
        neighbours.Add(engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(60, 99), _sampling with { MaxTokens = 40 }, 5), null, _token));
        foreach (var candidates in await Task.WhenAll(crowded))
        {
            AssertSame(alone, candidates[0]);
        }

        await Task.WhenAll(neighbours);
        AssertSame(alone, (await engine.SampleAsync(_request, null, _token))[0]);
    }

    [Fact]
    public async Task Candidate_k_of_a_group_equals_a_lone_request_whose_first_candidate_is_k()
    {
        using var engine = policy.Engine(slots: 4);
        var group = await engine.SampleAsync(_request with { Candidates = 9 }, null, _token);

        Assert.Equal(Enumerable.Range(0, 9), group.Select(candidate => candidate.Index));
        for (var k = 0; k < group.Length; k++)
        {
            var lone = await engine.SampleAsync(_request with { FirstCandidate = k }, null, _token);
            AssertSame(group[k], lone[0]);
        }

        Assert.True(group.Select(candidate => string.Join(' ', candidate.Tokens)).Distinct().Count() > 5, "Candidates of one prompt are alike.");
    }

    [Theory]
    [InlineData(1, Precision.Float32)]
    [InlineData(2, Precision.Float32)]
    [InlineData(1, Precision.Int8)]
    [InlineData(2, Precision.Int8)]
    public async Task After_a_hit_of_the_prefix_cache_whole_or_in_part(int threads, Precision precision)
    {
        using var fresh = policy.Engine(threads: threads, precision: precision);
        using var engine = policy.Engine(threads: threads, precision: precision, cache: 500);
        var request = _request with { Candidates = 3 };
        var expected = await fresh.SampleAsync(request, null, _token);

        // Something that begins alike, then the prompt itself, then the prompt once more.
        await engine.SampleAsync(request with { Prompt = [.. request.Prompt[..23], 9, 9, 9] }, null, _token);
        foreach (var reused in new[] { 23, 23 + request.Prompt.Length - 1 })
        {
            var actual = await engine.SampleAsync(request, null, _token);
            Assert.Equal(reused, engine.Statistics.ReusedTokens);
            foreach (var (left, right) in expected.Zip(actual))
            {
                AssertSame(left, right);
            }
        }

        // A prompt that goes on where another one ended.
        var longer = request with { Prompt = [.. request.Prompt, .. expected[0].Tokens[..5], 8, 8] };
        foreach (var (left, right) in (await fresh.SampleAsync(longer, null, _token)).Zip(await engine.SampleAsync(longer, null, _token)))
        {
            AssertSame(left, right);
        }
    }

    [Fact]
    public async Task The_number_of_slots_changes_nothing()
    {
        using var one = policy.Engine(slots: 1);
        using var many = policy.Engine(slots: 16);
        var expected = await one.SampleAsync(_request with { Candidates = 5 }, null, _token);
        var actual = await many.SampleAsync(_request with { Candidates = 5 }, null, _token);
        foreach (var (left, right) in expected.Zip(actual))
        {
            AssertSame(left, right);
        }
    }

    [Fact]
    public async Task Another_seed_gives_other_answers()
    {
        using var engine = policy.Engine();
        var first = await engine.SampleAsync(_request, null, _token);
        var second = await engine.SampleAsync(_request with { Sampling = _sampling with { Seed = 6 } }, null, _token);
        Assert.NotEqual(first[0].Tokens, second[0].Tokens);
    }

    private static void AssertSame(Candidate expected, Candidate actual)
    {
        Assert.Equal(expected.Tokens, actual.Tokens);
        Assert.Equal(expected.LogProbs.Select(BitConverter.SingleToInt32Bits), actual.LogProbs.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(expected.SampledLogProbs.Select(BitConverter.SingleToInt32Bits), actual.SampledLogProbs.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(expected.Text, actual.Text);
        Assert.Equal(expected.FinishReason, actual.FinishReason);
    }
}
