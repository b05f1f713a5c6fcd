using Serving.Inference;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class PolicyEngineTests(PolicyFixture policy) : IClassFixture<PolicyFixture>
{
    private static readonly SamplingParameters _sampling = new() { MaxTokens = 12, Seed = 3, IgnoreEos = true };

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0.6f, 0, 1f)]
    [InlineData(1f, 12, 1f)]
    [InlineData(1.3f, 40, 0.8f)]
    [InlineData(1f, 0, 0.9f)]
    public async Task Both_log_probs_are_those_of_the_reference_model(float temperature, int topK, float topP)
    {
        using var engine = policy.Engine();
        var prompt = PolicyFixture.Prompt(21);
        var sampling = _sampling with { Temperature = temperature, TopK = topK, TopP = topP };

        foreach (var candidate in await engine.SampleAsync(new SampleRequest(prompt, sampling, 3), null, _token))
        {
            var logits = policy.Reference.Logits([.. prompt, .. candidate.Tokens]);
            for (var i = 0; i < candidate.Tokens.Length; i++)
            {
                var row = logits[prompt.Length - 1 + i];
                Assert.Equal(DecoderReference.LogProbs(row)[candidate.Tokens[i]], candidate.LogProbs[i], 1e-5);
                Assert.Equal(SampledLogProb(row, candidate.Tokens[i], temperature, topK, topP), candidate.SampledLogProbs[i], 1e-5);
            }
        }
    }

    [Fact]
    public async Task The_most_probable_tokens_of_each_position_are_reported_on_demand()
    {
        using var engine = policy.Engine();
        var prompt = PolicyFixture.Prompt(11);
        var candidate = (await engine.SampleAsync(new SampleRequest(prompt, _sampling with { TopLogProbs = 4 }), null, _token))[0];
        var logits = policy.Reference.Logits([.. prompt, .. candidate.Tokens]);
        Assert.Equal(candidate.Tokens.Length, candidate.TopLogProbs.Count);
        for (var i = 0; i < candidate.Tokens.Length; i++)
        {
            var expected = DecoderReference.LogProbs(logits[prompt.Length - 1 + i]);
            Assert.Equal(expected.OrderDescending().Take(4), candidate.TopLogProbs[i].Select(best => (double)best.LogProb), (left, right) => Math.Abs(left - right) < 1e-4);
        }

        Assert.Empty((await engine.SampleAsync(new SampleRequest(prompt, _sampling), null, _token))[0].TopLogProbs);
    }

    [Fact]
    public async Task A_penalty_for_what_stands_there_already_gives_answers_without_repetition()
    {
        using var engine = policy.Engine();
        var prompt = PolicyFixture.Prompt(11);
        var sampling = _sampling with { Temperature = 0, MaxTokens = 40, PresencePenalty = 100 };
        var candidate = (await engine.SampleAsync(new SampleRequest(prompt, sampling), null, _token))[0];
        Assert.Equal(candidate.Tokens.Length, candidate.Tokens.Distinct().Count());
        Assert.NotEqual(40, (await engine.SampleAsync(new SampleRequest(prompt, sampling with { PresencePenalty = 0 }), null, _token))[0].Tokens.Distinct().Count());
    }

    [Fact]
    public async Task Greedy_answers_follow_the_reference_models_best_token()
    {
        using var engine = policy.Engine();
        var prompt = PolicyFixture.Prompt(9);
        var tokens = (await engine.SampleAsync(new SampleRequest(prompt, _sampling with { Temperature = 0 }), null, _token))[0].Tokens;
        var logits = policy.Reference.Logits([.. prompt, .. tokens]);
        for (var i = 0; i < tokens.Length; i++)
        {
            var row = logits[prompt.Length - 1 + i];
            Assert.True(row.Max() - row[tokens[i]] < 1e-4, $"Token {i} is not the best.");
        }
    }

    [Fact]
    public async Task Scores_of_given_tokens_are_the_references_log_probs()
    {
        using var engine = policy.Engine(chunk: 16);
        foreach (var (length, answer) in new[] { (1, 1), (5, 40), (16, 1), (17, 16), (40, 70) })
        {
            var prompt = PolicyFixture.Prompt(length, seed: length);
            var continuation = PolicyFixture.Prompt(answer + 1, seed: 77)[1..];
            var logits = policy.Reference.Logits([.. prompt, .. continuation]);

            var scores = await engine.ScoreTokensAsync(prompt, continuation, _token);

            Assert.Equal(answer, scores.Length);
            for (var i = 0; i < answer; i++)
            {
                Assert.Equal(DecoderReference.LogProbs(logits[length - 1 + i])[continuation[i]], scores[i], 1e-5);
            }
        }
    }

    [Fact]
    public async Task Scoring_what_was_sampled_gives_its_log_probs_again()
    {
        using var engine = policy.Engine();
        var prompt = PolicyFixture.Prompt(30);
        var candidate = (await engine.SampleAsync(new SampleRequest(prompt, _sampling), null, _token))[0];
        var scores = await engine.ScoreTokensAsync(prompt, candidate.Tokens, _token);
        Assert.All(scores.Zip(candidate.LogProbs), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public async Task A_group_larger_than_the_slots_is_prefilled_once()
    {
        var (engine, gate) = policy.Gated(slots: 3, chunk: 16);
        gate.Open();
        using (engine)
        {
            var candidates = await engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(40), _sampling, 10), null, _token);
            await Idle(engine);

            Assert.Equal(10, candidates.Length);
            Assert.Equal(40, engine.Statistics.PrefilledTokens);
            Assert.Equal(candidates.Sum(candidate => candidate.Tokens.Length), engine.Statistics.GeneratedTokens);
            Assert.Equal((0, 0), (engine.Statistics.ActiveRows, engine.Statistics.WaitingCandidates));
            Assert.Equal(["16", "16", "8", "1 1 1"], gate.Steps[..4]);
            Assert.DoesNotContain("1 1 1 1", gate.Steps);
        }
    }

    [Fact]
    public async Task A_running_answer_goes_on_beside_the_pieces_of_a_long_prompt()
    {
        var (engine, gate) = policy.Gated(chunk: 16);
        using (engine)
        {
            var first = engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(8), _sampling), null, _token);
            var second = engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(60), _sampling), null, _token);
            gate.Open();
            await Task.WhenAll(first, second);
            string[] expected = ["8", "1 16", "1 16", "1 16", "1 12", "1 1"];
            Assert.Equal(expected, gate.Steps[..expected.Length]);
        }
    }

    [Fact]
    public async Task Each_candidate_is_reported_as_it_finishes_and_before_the_whole()
    {
        using var engine = policy.Engine(slots: 2);
        var reported = new System.Collections.Concurrent.ConcurrentBag<Candidate>();
        var candidates = await engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(6), _sampling, 7), reported.Add, _token);
        Assert.Equal(candidates.OrderBy(candidate => candidate.Index), reported.OrderBy(candidate => candidate.Index));
    }

    [Fact]
    public async Task An_end_token_ends_an_answer_unless_it_is_to_be_ignored()
    {
        var prompt = PolicyFixture.Prompt(6);
        using var probe = policy.Engine();
        var free = (await probe.SampleAsync(new SampleRequest(prompt, _sampling), null, _token))[0];
        var ending = free.Tokens[5];
        var at = Array.IndexOf(free.Tokens, ending);
        using var engine = new PolicyEngine(policy.Decoder(2, 16), new InferenceOptions { Slots = 2, PrefillChunk = 16 }, [ending], policy.Tokenizer.BytesOf);

        var ended = (await engine.SampleAsync(new SampleRequest(prompt, _sampling with { IgnoreEos = false }), null, _token))[0];
        var ignored = (await engine.SampleAsync(new SampleRequest(prompt, _sampling), null, _token))[0];

        Assert.Equal(free.Tokens[..(at + 1)], ended.Tokens);
        Assert.Equal(FinishReason.Stop, ended.FinishReason);
        Assert.Equal(free.Tokens, ignored.Tokens);
        Assert.Equal(FinishReason.Length, ignored.FinishReason);
        Assert.Equal(policy.Tokenizer.Decode(free.Tokens), free.Text);
    }

    [Fact]
    public async Task A_stop_string_cuts_the_text_and_a_stream_never_shows_it()
    {
        using var engine = policy.Engine();
        var prompt = PolicyFixture.Prompt(6);
        var free = (await engine.SampleAsync(new SampleRequest(prompt, _sampling), null, _token))[0];
        var stop = free.Text.Substring(free.Text.Length / 2, 3);
        var request = new SampleRequest(prompt, _sampling with { Stop = ["never there", stop] });

        var stopped = (await engine.SampleAsync(request, null, _token))[0];
        var events = await Collect(engine.StreamAsync(request, _token));

        Assert.Equal(free.Text[..free.Text.IndexOf(stop, StringComparison.Ordinal)], stopped.Text);
        Assert.Equal(FinishReason.Stop, stopped.FinishReason);
        Assert.Equal(stopped.Text, string.Concat(events.Select(step => step.Text)));
        Assert.Equal(stopped.Text, events[^1].Finished?.Text);
    }

    [Fact]
    public async Task A_stream_gives_one_event_a_token_and_the_candidate_last()
    {
        using var engine = policy.Engine();
        var request = new SampleRequest(PolicyFixture.Prompt(6), _sampling);
        var whole = (await engine.SampleAsync(request, null, _token))[0];

        var events = await Collect(engine.StreamAsync(request, _token));

        Assert.Equal(whole.Tokens.Length, events.Count);
        Assert.All(events.SkipLast(1), step => Assert.Null(step.Finished));
        Assert.Equal(whole.Tokens, events.Select(step => step.Token));
        Assert.Equal(whole.LogProbs, events.Select(step => step.LogProb));
        Assert.Equal(whole.Tokens, events[^1].Finished!.Tokens);
        Assert.Equal(whole.Text, string.Concat(events.Select(step => step.Text)));
    }

    [Fact]
    public async Task Answers_end_with_the_context_and_the_longest_prompt_leaves_room_for_one_token()
    {
        using var engine = policy.Engine();
        var context = PolicyFixture.Config.MaxPositions;
        foreach (var (length, answer) in new[] { (context - 1, 1), (context - 3, 3) })
        {
            var candidates = await engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(length), _sampling, 2), null, _token);
            Assert.All(candidates, candidate => Assert.Equal((answer, FinishReason.Length), (candidate.Tokens.Length, candidate.FinishReason)));
        }
    }

    [Theory]
    [InlineData("messages", new int[0], 1, 1f, 1f, 4)]
    [InlineData("messages", new[] { 1, 320 }, 1, 1f, 1f, 4)]
    [InlineData("messages", new[] { -1 }, 1, 1f, 1f, 4)]
    [InlineData("n", new[] { 1 }, 0, 1f, 1f, 4)]
    [InlineData("temperature", new[] { 1 }, 1, -0.1f, 1f, 4)]
    [InlineData("temperature", new[] { 1 }, 1, float.NaN, 1f, 4)]
    [InlineData("top_p", new[] { 1 }, 1, 1f, 0f, 4)]
    [InlineData("max_tokens", new[] { 1 }, 1, 1f, 1f, 0)]
    public async Task A_request_that_cannot_be_served_is_refused_by_the_name_of_its_field(
        string field, int[] prompt, int candidates, float temperature, float topP, int maxTokens)
    {
        using var engine = policy.Engine();
        var request = new SampleRequest(prompt, new SamplingParameters { Temperature = temperature, TopP = topP, MaxTokens = maxTokens }, candidates);
        var refusal = await Assert.ThrowsAsync<InvalidRequestException>(() => engine.SampleAsync(request, null, _token));
        Assert.Equal(field, refusal.Parameter);
    }

    [Fact]
    public async Task A_prompt_that_fills_the_context_is_refused_and_the_message_states_both_lengths()
    {
        using var engine = policy.Engine();
        var context = PolicyFixture.Config.MaxPositions;
        var refusal = Assert.Throws<InvalidRequestException>(() => { engine.StreamAsync(new SampleRequest(PolicyFixture.Prompt(context), _sampling), _token); });
        Assert.Contains($"{context} tokens", refusal.Message, StringComparison.Ordinal);
        refusal = await Assert.ThrowsAsync<InvalidRequestException>(() => engine.ScoreTokensAsync(PolicyFixture.Prompt(context), [1], _token));
        Assert.Contains($"context is {context}", refusal.Message, StringComparison.Ordinal);
    }

    internal static async Task Idle(PolicyEngine engine)
    {
        // The last row is freed just after the caller has been answered.
        while (engine.Statistics is { ActiveRows: > 0 } or { WaitingCandidates: > 0 })
        {
            await Task.Delay(2);
        }
    }

    private static async Task<List<TokenEvent>> Collect(IAsyncEnumerable<TokenEvent> stream)
    {
        var events = new List<TokenEvent>();
        await foreach (var step in stream)
        {
            events.Add(step);
        }

        return events;
    }

    private static double SampledLogProb(double[] logits, int token, double temperature, int topK, double topP)
    {
        var logProbs = DecoderReference.LogProbs([.. logits.Select(logit => logit / temperature)]);
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).Take(topK > 0 ? topK : logits.Length).ToArray();
        var total = order.Sum(i => Math.Exp(logProbs[i]));
        var kept = 0.0;
        foreach (var i in order)
        {
            kept += Math.Exp(logProbs[i]);
            if (kept >= topP * total)
            {
                break;
            }
        }

        return logProbs[token] - Math.Log(kept);
    }
}
