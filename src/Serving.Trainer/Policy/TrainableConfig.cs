using Serving.Models;

namespace Serving.Trainer.Policy;

/// <summary>The server runs more families than the trainer has gradients for: training one of the others would train another model than is served.</summary>
internal static class TrainableConfig
{
    /// <exception cref="ModelConfigException">The config has something that <see cref="PolicyModule"/> lacks; the message names all of it.</exception>
    public static void Require(DecoderConfig config)
    {
        (bool Has, string What)[] extras =
        [
            (config.AttentionBias, "biases of attention"),
            (config.QueryKeyNorm, "norms of query and key heads"),
            (config.UnitOffsetNorm, "norms of 1 + w"),
            (config.EmbeddingScale != 1, "scaled embeddings"),
            (config.Activation != Activation.Silu, $"activation {config.Activation}"),
            (config.RopeScaling is not null, "rope_scaling"),
        ];
        var missing = extras.Where(extra => extra.Has).Select(extra => extra.What).ToArray();
        if (missing.Length > 0)
        {
            throw new ModelConfigException(
                $"{ModelFiles.Config}: this {config.Family} policy can be served but not trained: the trainer has no {string.Join(", no ", missing)}. "
                + "Train a policy of the plain Llama or Mistral kind.");
        }
    }
}
