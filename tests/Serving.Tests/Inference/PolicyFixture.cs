using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Serving.Tokenization;

namespace Serving.Tests.Inference;

/// <summary>One tiny policy on disk for the tests of a class, and engines over it.</summary>
public sealed class PolicyFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public PolicyFixture()
    {
        TinyPolicy.Write(_folder.Path, Config, Seed);
        Tokenizer = TextTokenizer.Load(_folder.Path);
        Reference = new DecoderReference(Config, TinyPolicy.Weights(Config, Seed));
    }

    public static DecoderConfig Config => TinyPolicy.Config;

    public TextTokenizer Tokenizer { get; }

    public DecoderReference Reference { get; }

    private const int Seed = 11;

    public PolicyEngine Engine(int slots = 4, int chunk = 16, int threads = 1, int queueLimit = 4096) =>
        new(Decoder(slots, chunk, threads), new InferenceOptions { Slots = slots, PrefillChunk = chunk, QueueLimit = queueLimit }, Config.EosTokenIds, Tokenizer.BytesOf);

    internal (PolicyEngine Engine, GatedDecoder Gate) Gated(int slots = 4, int chunk = 16, int queueLimit = 4096)
    {
        var gate = new GatedDecoder(Decoder(slots, chunk, 1));
        return (new PolicyEngine(gate, new InferenceOptions { Slots = slots, PrefillChunk = chunk, QueueLimit = queueLimit }, Config.EosTokenIds, Tokenizer.BytesOf), gate);
    }

    internal OnnxDecoder Decoder(int slots, int chunk, int threads) =>
        OnnxDecoder.Load(_folder.Path, new OnnxOptions { Threads = threads }, new InferenceOptions { Slots = slots, PrefillChunk = chunk });

    /// <summary>A prompt of this many tokens, another for each seed.</summary>
    public static int[] Prompt(int length, int seed = 0)
    {
        var random = new Random(seed);
        return [TinyPolicy.Bos, .. Enumerable.Range(1, length - 1).Select(_ => random.Next(4, Config.VocabularySize))];
    }

    public void Dispose() => _folder.Dispose();
}
