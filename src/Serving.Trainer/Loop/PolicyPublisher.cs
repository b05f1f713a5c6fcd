using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>Publishes a trained policy as a new version of the registry. Stateless.</summary>
public static class PolicyPublisher
{
    private static readonly string[] _tokenizerFiles = [ModelFiles.Tokenizer, ModelFiles.TokenizerConfig, ModelFiles.GenerationConfig];

    /// <param name="store">The registry.</param>
    /// <param name="name">Name to publish under.</param>
    /// <param name="policy">The weights.</param>
    /// <param name="start">The version that training began from: parent, and source of the tokenizer files.</param>
    /// <param name="training">What it was trained on and how.</param>
    /// <param name="figures">What was measured.</param>
    public static ModelFolder Publish(ModelStore store, string name, PolicyModule policy, ModelFolder start, JsonObject training, JsonObject figures) =>
        store.Publish(
            name,
            ModelKind.Policy,
            folder =>
            {
                PolicyWeights.Write(policy, folder);
                CopyTokenizer(start, folder);
            },
            start.Id,
            training,
            figures);

    internal static void CopyTokenizer(ModelFolder from, string folder)
    {
        foreach (var file in _tokenizerFiles.Where(file => File.Exists(from.File(file))))
        {
            File.Copy(from.File(file), Path.Combine(folder, file), overwrite: true);
        }
    }
}
