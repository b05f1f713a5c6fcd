using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Policy;

public sealed class PolicyModuleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Shipped => ShippedModels.Ids(ModelKind.Policy);

    [Theory]
    [MemberData(nameof(Shipped))]
    public void A_shipped_policy_has_the_same_logits_in_TorchSharp_as_in_ONNX_Runtime(string id)
    {
        AssertSameLogits(ShippedModels.Find(id).Path);
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task A_shipped_policys_candidates_are_the_same_alone_and_in_a_full_batch_among_strangers(string id)
    {
        using var policy = LoadedPolicy.Load(ShippedModels.Find(id), new OnnxOptions(), new InferenceOptions());
        var sampling = new SamplingParameters { Temperature = 0.9f, TopP = 0.95f, MaxTokens = 24, Seed = 11 };
        int[] Prompt(string text) => policy.Tokenizer.Encode($"<s>{text}<sum>");
        var prompt = Prompt("A viewer for very large log files. It reads only the part on the screen and follows growing files.");
        Task<Candidate[]> Sample(int[] tokens, int count, int first) =>
            policy.Engine.SampleAsync(new SampleRequest(tokens, sampling, count, first), null, TestContext.Current.CancellationToken);

        var strangers = Sample(Prompt("A library that reads tide tables."), 9, 0);
        var batch = await Sample(prompt, 16, 0);
        await strangers;

        for (var k = 0; k < batch.Length; k++)
        {
            var alone = Assert.Single(await Sample(prompt, 1, k));
            Assert.Equal(batch[k].Tokens, alone.Tokens);
            Assert.Equal(batch[k].LogProbs, alone.LogProbs);
            Assert.Equal(batch[k].SampledLogProbs, alone.SampledLogProbs);
        }

        Assert.True(batch.Select(candidate => candidate.Text).Distinct().Count() > 8);
    }

    [Fact]
    public void A_random_policy_has_the_same_logits_in_TorchSharp_as_in_ONNX_Runtime()
    {
        TinyPolicy.Write(_folder.Path, TinyPolicy.Config with { TieEmbeddings = false });

        AssertSameLogits(_folder.Path);
    }

    [Fact]
    public void A_mistral_in_bfloat16_is_a_llama_to_the_trainer()
    {
        var config = TinyPolicy.Config with { Family = ModelFamily.Mistral };
        var weights = HubFolder.Write(_folder.Path, config, dtype: "BF16");

        using var policy = PolicyWeights.Load(_folder.Path);
        using var logits = policy.Logits(tensor(new long[] { 5, 9, 200 }).unsqueeze(0));

        var expected = new DecoderReference(config, weights).Logits([5, 9, 200]);
        Assert.Equal(expected[2].Select(logit => (float)logit), logits[0, 2].data<float>().ToArray(), (left, right) => Math.Abs(left - right) < 1e-4);
    }

    [Fact]
    public void Weights_written_and_read_again_are_the_same_bits()
    {
        TinyPolicy.Write(_folder.Path);
        var before = File.ReadAllBytes(_folder.File(ModelFiles.Weights));
        using var policy = PolicyWeights.Load(_folder.Path);

        PolicyWeights.Write(policy, _folder.Path);

        Assert.Equal(before, File.ReadAllBytes(_folder.File(ModelFiles.Weights)));
    }

    [Fact]
    public void Token_log_probs_are_the_log_softmax_of_the_logits_at_the_next_token()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        var ids = randint(4, TinyPolicy.Config.VocabularySize, [3, 17], ScalarType.Int64);

        var expected = nn.functional.log_softmax(policy.Logits(ids), -1).narrow(1, 0, 16).gather(2, ids.narrow(1, 1, 16).unsqueeze(-1)).squeeze(-1);

        Assert.True((policy.TokenLogProbs(ids) - expected).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void A_token_changes_nothing_before_it()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        var ids = randint(4, TinyPolicy.Config.VocabularySize, [1, 20], ScalarType.Int64);
        var changed = ids.clone();
        changed[0, 12] = (ids[0, 12] + 1) % 100 + 4;

        var difference = (policy.Logits(ids) - policy.Logits(changed)).abs().amax([2]);

        Assert.Equal(0f, difference.narrow(1, 0, 12).max().item<float>());
        Assert.True(difference.narrow(1, 12, 8).min().item<float>() > 0);
    }

    [Fact]
    public void Bfloat16_products_stay_close_and_give_fp32_gradients()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(TinyPolicy.Config, seed: 3);
        var ids = randint(4, TinyPolicy.Config.VocabularySize, [2, 17], ScalarType.Int64);
        var exact = policy.TokenLogProbs(ids).mean().item<float>();

        policy.ComputeType = ScalarType.BFloat16;
        var rounded = policy.TokenLogProbs(ids).mean();
        rounded.backward();

        Assert.True(Math.Abs(exact - rounded.item<float>()) < 0.02);
        Assert.All(policy.parameters(), parameter => Assert.Equal(ScalarType.Float32, parameter.grad!.dtype));
    }

    [Fact]
    public void A_sequence_longer_than_the_context_is_refused()
    {
        using var policy = new PolicyModule(TinyPolicy.Config with { MaxPositions = 16 }, seed: 3);
        using var ids = zeros(1, 17, dtype: ScalarType.Int64);

        Assert.Contains("17", Assert.Throws<ArgumentException>(() => policy.Logits(ids)).Message);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertSameLogits(string folder)
    {
        using var scope = NewDisposeScope();
        using var policy = PolicyWeights.Load(folder);
        var tokens = Enumerable.Range(0, 60).Select(i => 4 + (i * 37 % (policy.Config.VocabularySize - 4))).ToArray();
        var expected = policy.Logits(tensor(tokens.Select(token => (long)token).ToArray()).unsqueeze(0)).ToFloats();

        using var decoder = PagedDecoder.Load(folder, new OnnxOptions { Threads = 1 }, new InferenceOptions { Slots = 2, PrefillChunk = 64 });
        var actual = decoder.Run([new RowTokens(decoder.Open(), tokens.Length)], tokens, [.. Enumerable.Range(0, tokens.Length)]);

        Assert.Equal(expected.Length, actual.Length);
        Assert.True(expected.Max() - expected.Min() > 0.5f, "The logits are too flat to tell anything.");
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) < 1e-4, $"logit {i}: {actual[i]} in ONNX Runtime, {expected[i]} in TorchSharp");
        }
    }
}
