using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class LoadedPolicyTests : IDisposable
{
    private static readonly OnnxOptions _onnx = new() { Threads = 1 };
    private static readonly InferenceOptions _inference = new() { Slots = 2 };

    private readonly TemporaryFolder _root = new();
    private readonly ModelStore _store;

    public LoadedPolicyTests() => _store = new ModelStore(_root.Path, TimeProvider.System);

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task A_published_version_loads_and_answers_text()
    {
        var folder = TinyPolicy.Publish(_store, "tiny");
        using var policy = LoadedPolicy.Load(folder, _onnx, _inference);

        var prompt = policy.Tokenizer.Encode(policy.Tokenizer.ApplyChatTemplate([new("user", "A package for dates.")]));
        var candidates = await policy.Engine.SampleAsync(
            new SampleRequest(prompt, new SamplingParameters { MaxTokens = 8 }, 2), null, TestContext.Current.CancellationToken);

        Assert.Equal("tiny@1", policy.Id);
        Assert.Equal(folder.Manifest.Digest, policy.Digest);
        Assert.Equal(TinyPolicy.Config.MaxPositions, policy.Engine.ContextLength);
        Assert.All(candidates, candidate => Assert.Equal(policy.Tokenizer.Decode(candidate.Tokens), candidate.Text));
    }

    [Fact]
    public async Task A_version_without_a_checkpoint_serves_the_graph_that_others_exported()
    {
        var weights = TinyPolicy.Weights(TinyPolicy.Config, 1);
        var folder = Damaged(folder =>
        {
            File.Delete(Path.Combine(folder, ModelFiles.Weights));
            OptimumExport.Write(folder, TinyPolicy.Config, weights);
        });
        using var policy = LoadedPolicy.Load(folder, _onnx, _inference);

        var request = new SampleRequest([TinyPolicy.Bos, 20, 30], new SamplingParameters { MaxTokens = 4, IgnoreEos = true });
        var candidate = Assert.Single(await policy.Engine.SampleAsync(request, null, TestContext.Current.CancellationToken));

        var logits = new DecoderReference(TinyPolicy.Config, weights).Logits([TinyPolicy.Bos, 20, 30, .. candidate.Tokens]);
        Assert.All(candidate.Tokens.Index(), token => Assert.Equal(DecoderReference.LogProbs(logits[2 + token.Index])[token.Item], candidate.LogProbs[token.Index], 1e-4));
    }

    [Fact]
    public void Weights_that_give_no_finite_logits_are_refused_when_loaded()
    {
        var folder = Damaged(folder =>
        {
            var weights = TinyPolicy.Weights(TinyPolicy.Config, 1).ToArray();
            weights[^1] = weights[^1] with { Values = Enumerable.Repeat(float.NaN, TinyPolicy.Config.HiddenSize).ToArray() };
            SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), weights);
        });
        var refusal = Assert.Throws<ModelException>(() => LoadedPolicy.Load(folder, _onnx, _inference));
        Assert.Contains(folder.Path, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("finite", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tokenizer_of_another_vocabulary_and_an_end_token_outside_it_are_refused()
    {
        var small = Damaged(folder =>
        {
            var config = TinyPolicy.Config with { VocabularySize = 280 };
            config.Write(folder);
            SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), TinyPolicy.Weights(config, 1));
            DecoderGraph.Write(folder);
        });
        Assert.Contains("not of one model", Assert.Throws<ModelConfigException>(() => LoadedPolicy.Load(small, _onnx, _inference)).Message, StringComparison.Ordinal);

        var outside = Damaged(folder => (TinyPolicy.Config with { EosTokenIds = [320] }).Write(folder));
        Assert.Contains("eos_token_id", Assert.Throws<ModelConfigException>(() => LoadedPolicy.Load(outside, _onnx, _inference)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_context_shorter_than_the_models_saves_memory_and_bounds_requests()
    {
        var folder = TinyPolicy.Publish(_store, "tiny");
        using var policy = LoadedPolicy.Load(folder, _onnx, new InferenceOptions { Slots = 2, ContextLength = 32 });
        Assert.Equal(32, policy.Engine.ContextLength);
        await Assert.ThrowsAsync<InvalidRequestException>(
            () => policy.Engine.SampleAsync(new SampleRequest(PolicyFixture.Prompt(32), new SamplingParameters()), null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_context_of_millions_of_tokens_is_refused_unless_the_options_shorten_it()
    {
        var folder = Damaged(folder =>
        {
            var config = TinyPolicy.Config with { MaxPositions = 1 << 24, HeadDimension = 32 };
            config.Write(folder);
            SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), TinyPolicy.Weights(config, 1));
        });

        Assert.Contains(
            "Set Inference:ContextLength to 8388608 or less", Assert.Throws<ModelConfigException>(() => LoadedPolicy.Load(folder, _onnx, _inference)).Message, StringComparison.Ordinal);
        using var policy = LoadedPolicy.Load(folder, _onnx, new InferenceOptions { Slots = 2, ContextLength = 100 });
        Assert.Equal(100, policy.Engine.ContextLength);
    }

    private ModelFolder Damaged(Action<string> change) =>
        _store.Publish("damaged", ModelKind.Policy, folder =>
        {
            TinyPolicy.Write(folder);
            change(folder);
        });
}
