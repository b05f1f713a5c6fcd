using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Writes model.onnx of a likelihood scorer from its config.json and checkpoint: input_ids, attention_mask, token_type_ids (int64 [batch, length]) to logits
/// (fp32 [batch, labels]). A row holds an answer behind its source and again without it; the head reads states and log-probabilities at its tokens
/// (docs/formats.md). Every operator treats a row alone, so that a pair's logits do not depend on its neighbours (they do depend on the padded length).
/// </summary>
public static class LikelihoodGraph
{
    /// <summary>Writes <paramref name="folder"/>/model.onnx.</summary>
    /// <exception cref="ModelConfigException">config.json is not of a likelihood scorer, or its context is too long for a graph.</exception>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than the config says.</exception>
    /// <exception cref="ModelException">A file of the checkpoint is damaged.</exception>
    public static void Write(string folder)
    {
        var config = LikelihoodConfig.Read(folder);
        using var checkpoint = Checkpoint.Open(folder);
        var graph = new GraphWriter("likelihood");
        var weights = new WeightNodes(graph, checkpoint);
        new AnswerPairNodes(graph).Declare();
        var attention = new PairAttentionNodes(graph, weights, config.Decoder);
        attention.Declare();
        var body = new DecoderBody(graph, weights, config.Decoder);
        new LikelihoodHeadNodes(graph, weights, config).Build(body.Hidden(attention.Block), body);
        graph.Save(Path.Combine(folder, ModelFiles.Graph));
    }
}
