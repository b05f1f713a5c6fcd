using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Inference;

/// <summary>One policy version in memory: session, tokenizer, engine. Immutable apart from the engine's own state.</summary>
public sealed class LoadedPolicy : IDisposable
{
    private const int WarmUpTokens = 2;      // one from a prefill, one from a decode step

    /// <summary>Puts the parts together; owns the engine.</summary>
    internal LoadedPolicy(ModelFolder folder, DecoderConfig config, TextTokenizer tokenizer, PolicyEngine engine)
    {
        Folder = folder;
        Config = config;
        Tokenizer = tokenizer;
        Engine = engine;
    }

    /// <summary>Loads and warms a verified version: checks config, tokenizer and weights, runs one short sample and asks for finite logits.</summary>
    /// <exception cref="ModelException">A file is missing, damaged or contradicts another, or the policy does not give finite logits.</exception>
    /// <exception cref="TokenizerException">The tokenizer cannot be used.</exception>
    public static LoadedPolicy Load(ModelFolder folder, OnnxOptions onnx, InferenceOptions inference)
    {
        var config = DecoderConfig.Read(folder.Path);
        var tokenizer = TextTokenizer.Load(folder.Path);
        Check(folder, config, tokenizer);

        // A folder without a checkpoint holds a graph that somebody has exported, weights included.
        IDecoder decoder = Checkpoint.Exists(folder.Path)
            ? PagedDecoder.Load(folder.Path, onnx, inference)
            : OptimumDecoder.Load(folder.Path, onnx, inference);
        var engine = new PolicyEngine(decoder, inference, config.EosTokenIds, tokenizer.BytesOf);
        try
        {
            WarmUp(folder, config, engine);
            return new LoadedPolicy(folder, config, tokenizer, engine);
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <summary>"name@version".</summary>
    public string Id => Folder.Id;

    /// <summary>Content digest of the manifest.</summary>
    public string Digest => Folder.Manifest.Digest;

    public ModelFolder Folder { get; }

    public DecoderConfig Config { get; }

    public TextTokenizer Tokenizer { get; }

    public PolicyEngine Engine { get; }

    /// <summary>Weights and pages of keys and values go back to the system.</summary>
    public void Dispose()
    {
        Engine.Dispose();
        NativeHeap.Trim();
    }

    private static void Check(ModelFolder folder, DecoderConfig config, TextTokenizer tokenizer)
    {
        var path = folder.File(ModelFiles.Config);
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            throw new ModelConfigException(
                $"{path}: vocab_size is {config.VocabularySize}, but {ModelFiles.Tokenizer} has {tokenizer.VocabularySize} tokens: they are not of one model.");
        }

        if (config.EosTokenIds.Any(id => id < 0 || id >= config.VocabularySize))
        {
            throw new ModelConfigException(
                $"{path}: eos_token_id {string.Join(", ", config.EosTokenIds)} is outside the vocabulary of {config.VocabularySize}.");
        }
    }

    private static void WarmUp(ModelFolder folder, DecoderConfig config, PolicyEngine engine)
    {
        var sampling = new SamplingParameters { Temperature = 0, MaxTokens = WarmUpTokens, IgnoreEos = true };
        try
        {
            engine.SampleAsync(new SampleRequest([config.BosTokenId ?? 0], sampling), null, CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is InferenceFailedException or InvalidRequestException)
        {
            throw new ModelException($"{folder.Path}: the policy does not run ({e.Message})", e);
        }
    }
}
