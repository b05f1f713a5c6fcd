using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>Publishes a trained policy as a new version of the registry. Stateless.</summary>
public static class PolicyPublisher
{
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
                TokenizerFiles.Copy(start.Path, folder);
            },
            start.Id,
            training,
            figures);
}
