using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

/// <summary>Cancellation, overload and failure: every caller gets an answer, and what was held is free again.</summary>
public sealed class EngineFailureTests(PolicyFixture policy) : IClassFixture<PolicyFixture>
{
    private static readonly SamplingParameters _sampling = new() { MaxTokens = 30, Seed = 3, IgnoreEos = true };
    private static readonly SampleRequest _request = new(PolicyFixture.Prompt(10), _sampling);

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cancelling_frees_rows_waiting_candidates_and_queued_requests()
    {
        var (engine, gate) = policy.Gated(slots: 3);
        using (engine)
        {
            using var cancellation = new CancellationTokenSource();
            var group = engine.SampleAsync(_request with { Candidates = 8 }, null, cancellation.Token);
            var queued = engine.SampleAsync(_request, null, cancellation.Token);
            var scored = engine.ScoreTokensAsync(_request.Prompt, [5, 6], cancellation.Token);
            var survivor = engine.SampleAsync(_request, null, _token);
            gate.Pass(3);        // the prompt and two steps of three rows
            await Until(() => engine.Statistics.Steps == 3);

            await cancellation.CancelAsync();
            foreach (var task in new Task[] { group, queued, scored })
            {
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
            }

            gate.Open();
            Assert.Equal(_sampling.MaxTokens, (await survivor)[0].Tokens.Length);
            await PolicyEngineTests.Idle(engine);
            await Until(() => gate.OpenRows == 0);
            Assert.Equal("1", gate.Steps[^1]);
            Assert.Equal(0, gate.OpenRows);
            Assert.Equal((await engine.SampleAsync(_request, null, _token))[0].Tokens, (await survivor)[0].Tokens);
        }
    }

    [Fact]
    public async Task A_deadline_ends_a_running_and_a_queued_request_and_frees_what_they_hold()
    {
        var time = new ManualTime();
        var (engine, gate) = policy.Gated(slots: 2, time: time);
        using (engine)
        {
            var running = engine.SampleAsync(_request with { Candidates = 5, Deadline = TimeSpan.FromSeconds(10) }, null, _token);
            var queued = engine.SampleAsync(_request with { Deadline = TimeSpan.FromSeconds(20) }, null, _token);
            var patient = engine.SampleAsync(_request with { Deadline = TimeSpan.FromSeconds(30) }, null, _token);
            gate.Pass(2);
            await Until(() => engine.Statistics.Steps == 2);

            time.Advance(TimeSpan.FromSeconds(21));
            var failure = await Assert.ThrowsAsync<DeadlineExceededException>(() => running);
            Assert.Equal(TimeSpan.FromSeconds(10), failure.Deadline);
            await Assert.ThrowsAsync<DeadlineExceededException>(() => queued);

            gate.Open();
            Assert.Equal(_sampling.MaxTokens, (await patient)[0].Tokens.Length);
            time.Advance(TimeSpan.FromSeconds(100));         // too late to matter
            await PolicyEngineTests.Idle(engine);
            await Until(() => gate.OpenRows == 0);
        }
    }

    [Fact]
    public async Task A_token_that_is_cancelled_already_starts_nothing()
    {
        var (engine, gate) = policy.Gated();
        gate.Open();
        using (engine)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.SampleAsync(_request, null, new CancellationToken(canceled: true)));
            Assert.Single(await engine.SampleAsync(_request with { Sampling = _sampling with { MaxTokens = 1 } }, null, _token));
            Assert.Equal(["10"], gate.Steps);
        }
    }

    [Fact]
    public async Task Leaving_a_stream_frees_its_row()
    {
        var (engine, gate) = policy.Gated();
        using (engine)
        {
            gate.Pass(3);
            await foreach (var step in engine.StreamAsync(_request, _token))
            {
                break;
            }

            gate.Open();
            await PolicyEngineTests.Idle(engine);
            Assert.True(engine.Statistics.GeneratedTokens < _sampling.MaxTokens);
        }
    }

    [Fact]
    public async Task More_candidates_than_the_queue_holds_are_refused_until_it_has_room()
    {
        var (engine, gate) = policy.Gated(slots: 2, queueLimit: 4);
        using (engine)
        {
            var first = engine.SampleAsync(_request with { Candidates = 6 }, null, _token);        // an idle engine takes any size
            var refusal = await Assert.ThrowsAsync<OverloadedException>(() => engine.SampleAsync(_request, null, _token));
            Assert.True(refusal.RetryAfter > TimeSpan.Zero);
            Assert.Throws<OverloadedException>(() => { engine.StreamAsync(_request, _token); });

            gate.Open();
            Assert.Equal(6, (await first).Length);
            Assert.Single(await engine.SampleAsync(_request, null, _token));
        }
    }

    [Fact]
    public async Task A_failing_runtime_fails_every_request_and_marks_the_engine()
    {
        var (engine, gate) = policy.Gated(slots: 2);
        using (engine)
        {
            Task[] tasks =
            [
                engine.SampleAsync(_request with { Candidates = 5 }, null, _token),
                engine.SampleAsync(_request, null, _token),
                engine.ScoreTokensAsync(_request.Prompt, [5], _token),
            ];
            var stream = engine.StreamAsync(_request, _token);
            gate.Pass(3);
            await Until(() => engine.Statistics.Steps == 3);
            Assert.True(engine.Healthy);

            gate.Failure = new InvalidOperationException("the runtime broke");
            gate.Open();
            foreach (var task in tasks)
            {
                Assert.Contains("the runtime broke", (await Assert.ThrowsAsync<InferenceFailedException>(() => task)).Message, StringComparison.Ordinal);
            }

            await Assert.ThrowsAsync<InferenceFailedException>(async () =>
            {
                await foreach (var step in stream)
                {
                }
            });
            Assert.False(engine.Healthy);
            await Assert.ThrowsAsync<InferenceFailedException>(() => engine.SampleAsync(_request, null, _token));
            Assert.Equal((0, 0), (engine.Statistics.ActiveRows, engine.Statistics.WaitingCandidates));
        }
    }

    [Fact]
    public async Task Disposing_fails_what_is_in_flight()
    {
        var (engine, gate) = policy.Gated(slots: 1);
        var running = engine.SampleAsync(_request with { Candidates = 2 }, null, _token);
        var queued = engine.SampleAsync(_request, null, _token);
        gate.Pass(2);
        await Until(() => engine.Statistics.Steps == 2);

        var dispose = Task.Run(engine.Dispose, _token);
        await Until(() => Refuses(engine));                   // it has begun: nothing may finish before
        gate.Open();
        await dispose;

        await Assert.ThrowsAsync<InferenceFailedException>(() => running);
        await Assert.ThrowsAsync<InferenceFailedException>(() => queued);
        await Assert.ThrowsAsync<InferenceFailedException>(() => engine.SampleAsync(_request, null, _token));
        engine.Dispose();
    }

    private bool Refuses(PolicyEngine engine)
    {
        try
        {
            _ = engine.SampleAsync(_request, null, _token);
            return false;
        }
        catch (InferenceFailedException)
        {
            return true;
        }
    }

    [Fact]
    public async Task An_error_of_the_callers_callback_goes_to_the_caller()
    {
        using var engine = policy.Engine(slots: 2);
        var failure = await Assert.ThrowsAsync<InvalidDataException>(
            () => engine.SampleAsync(_request with { Candidates = 4 }, _ => throw new InvalidDataException("mine"), _token));
        Assert.Equal("mine", failure.Message);
        Assert.Single(await engine.SampleAsync(_request, null, _token));
    }

    [Fact]
    public async Task Logits_that_are_not_numbers_fail_the_request_but_not_the_engine()
    {
        using var folder = new TemporaryFolder();
        TinyPolicy.Write(folder.Path);
        var weights = TinyPolicy.Weights(TinyPolicy.Config, 1).ToArray();
        var embedding = weights[0].Values.ToArray();
        embedding.AsSpan(5 * TinyPolicy.Config.HiddenSize, TinyPolicy.Config.HiddenSize).Fill(float.NaN);        // token 5 poisons what follows it
        weights[0] = weights[0] with { Values = embedding };
        var output = new NamedTensor("lm_head.weight", weights[0].Shape, TinyPolicy.Weights(TinyPolicy.Config, 1)[0].Values);
        SafetensorsWriter.Write(folder.File(ModelFiles.Weights), [.. weights, output]);
        (TinyPolicy.Config with { TieEmbeddings = false }).Write(folder.Path);
        DecoderGraph.Write(folder.Path);
        var options = new InferenceOptions { Slots = 2, PrefillChunk = 16 };
        using var engine = new PolicyEngine(PagedDecoder.Load(folder.Path, new OnnxOptions { Threads = 1 }, options), options, [], policy.Tokenizer.BytesOf);

        var good = engine.SampleAsync(new SampleRequest([1, 7], _sampling with { TopK = 1 }), null, _token);
        var bad = engine.SampleAsync(new SampleRequest([1, 5], _sampling, 3), null, _token);
        var score = engine.ScoreTokensAsync([1, 5], [9], _token);

        Assert.Contains("finite", (await Assert.ThrowsAsync<InferenceFailedException>(() => bad)).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InferenceFailedException>(() => score);
        Assert.Single(await good);
        Assert.True(engine.Healthy);
    }

    private static async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(2);
        }
    }
}
