using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Inference;

/// <summary>One policy version in memory: session, tokenizer, engine. Immutable apart from the engine's own state.</summary>
public sealed class LoadedPolicy : IDisposable
{
    /// <summary>Loads and warms a verified version: checks config, tokenizer and weights, runs one short sample and asks for finite logits.</summary>
    public static LoadedPolicy Load(ModelFolder folder, OnnxOptions onnx, InferenceOptions inference) => throw new NotImplementedException();

    /// <summary>"name@version".</summary>
    public string Id => throw new NotImplementedException();

    /// <summary>Content digest of the manifest.</summary>
    public string Digest => throw new NotImplementedException();

    public ModelFolder Folder => throw new NotImplementedException();

    public DecoderConfig Config => throw new NotImplementedException();

    public TextTokenizer Tokenizer => throw new NotImplementedException();

    public PolicyEngine Engine => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
