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

    public PolicyEngine Engine(int slots = 4, int chunk = 16, int threads = 1, int queueLimit = 4096, Precision precision = Precision.Float32, int cache = 0)
    {
        var options = Options(slots, chunk, queueLimit, precision, cache);
        return new PolicyEngine(PagedDecoder.Load(_folder.Path, new OnnxOptions { Threads = threads }, options), options, Config.EosTokenIds, Tokenizer.BytesOf);
    }

    internal (PolicyEngine Engine, GatedDecoder Gate) Gated(int slots = 4, int chunk = 16, int queueLimit = 4096, int cache = 0, TimeProvider? time = null)
    {
        var gate = new GatedDecoder(Decoder(slots, chunk));
        return (new PolicyEngine(gate, Options(slots, chunk, queueLimit, Precision.Float32, cache), Config.EosTokenIds, Tokenizer.BytesOf, time), gate);
    }

    internal PagedDecoder Decoder(int slots, int chunk) =>
        PagedDecoder.Load(_folder.Path, new OnnxOptions { Threads = 1 }, Options(slots, chunk, 4096, Precision.Float32, 0));

    private static InferenceOptions Options(int slots, int chunk, int queueLimit, Precision precision, int cache) =>
        new() { Slots = slots, PrefillChunk = chunk, QueueLimit = queueLimit, Precision = precision, PrefixCacheTokens = cache };

    /// <summary>A prompt of this many tokens, another for each seed.</summary>
    public static int[] Prompt(int length, int seed = 0)
    {
        var random = new Random(seed);
        return [TinyPolicy.Bos, .. Enumerable.Range(1, length - 1).Select(_ => random.Next(4, Config.VocabularySize))];
    }

    public void Dispose() => _folder.Dispose();
}
