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
    [InlineData(1)]
    [InlineData(2)]
    public async Task Alone_in_a_full_batch_and_with_neighbours_that_come_and_go(int threads)
    {
        using var engine = policy.Engine(slots: 6, threads: threads);
        using var single = policy.Engine(slots: 6, threads: 1);
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
