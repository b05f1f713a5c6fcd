using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>
/// A policy under training behind the engine that serves: its weights are written to a scratch folder and loaded anew at every refresh. Used from the
/// training thread; the engine has its own.
/// </summary>
/// <param name="folder">Scratch folder, made and deleted by this.</param>
/// <param name="like">Where the tokenizer files come from.</param>
/// <param name="name">Name in messages.</param>
public sealed class ScratchPolicy(string folder, ModelFolder like, string name, OnnxOptions onnx, InferenceOptions inference) : IDisposable
{
    private LoadedPolicy? _loaded;

    /// <exception cref="InvalidOperationException">It was never refreshed.</exception>
    public LoadedPolicy Loaded => _loaded ?? throw new InvalidOperationException($"The {name} was not loaded into the engine yet.");

    /// <summary>Replaces the loaded weights by those of <paramref name="module"/>.</summary>
    public void Refresh(PolicyModule module)
    {
        Release();
        Directory.CreateDirectory(folder);
        PolicyWeights.Write(module, folder);
        TokenizerFiles.Copy(like.Path, folder);
        var manifest = like.Manifest with { Name = name, Parent = like.Id, Files = new Dictionary<string, string>(), Digest = string.Empty };
        _loaded = LoadedPolicy.Load(new ModelFolder(folder, manifest), onnx, inference);
    }

    public void Dispose() => Release();

    /// <summary>The session maps the weight file, so it goes before the file does.</summary>
    private void Release()
    {
        _loaded?.Dispose();
        _loaded = null;
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
