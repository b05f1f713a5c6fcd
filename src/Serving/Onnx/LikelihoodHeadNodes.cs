using Serving.Models;

namespace Serving.Onnx;

/// <summary>The head of a likelihood scorer: from the decoder's states to the labels' logits. Only answer tokens get logits over the vocabulary.</summary>
internal sealed class LikelihoodHeadNodes(GraphWriter graph, WeightNodes weights, LikelihoodConfig config)
{
    private const float Far = 1e30f;        // beyond any feature, where there is no token

    /// <summary>"logits" [B, labels].</summary>
    /// <param name="hidden">States, [B*T, d].</param>
    /// <param name="body">The decoder that they come from.</param>
    public void Build(string hidden, DecoderBody body)
    {
        graph.Output("logits", ElementType.Float, "batch", config.Labels.Count);
        LogProbs(hidden, body);
        Tokens(hidden);
        Spread();
        Pooled();
        Dense("pooled", LikelihoodTensors.Answer, config.HeadSize, config.AnswerWidth, "answer_product");
        graph.Node("Gelu", ["answer_product"], ["answer_output"], attributes: [("approximate", "none")]);
        Concat(["pooled", "answer_output"], "judged");
        Dense("judged", LikelihoodTensors.Label, config.Labels.Count, config.LabelWidth, "logits");
    }

    /// <summary>"with", "without" and "difference": log p of every token behind the source, without it, and the one less the other, [R, 1].</summary>
    private void LogProbs(string hidden, DecoderBody body)
    {
        graph.Node("Reshape", ["input_ids", "row"], ["ids"]);
        graph.Node("Gather", ["ids", "read"], ["tokens"]);
        graph.Node("Concat", ["tokens", "tokens"], ["tokens_twice"], attributes: [("axis", 0L)]);
        graph.Node("Unsqueeze", ["tokens_twice", "along"], ["targets"]);
        graph.Node("Concat", ["predicting", "predicting_alone"], ["both_predicting"], attributes: [("axis", 0L)]);
        graph.Node("Gather", [hidden, "both_predicting"], ["both_states"]);
        graph.Node("LogSoftmax", [body.Logits("both_states", "vocabulary_logits")], ["vocabulary_log_probs"], attributes: [("axis", -1L)]);
        graph.Node("GatherElements", ["vocabulary_log_probs", "targets"], ["log_probs"], attributes: [("axis", 1L)]);
        graph.Node("Split", ["log_probs"], ["with", "without"], attributes: [("axis", 0L), ("num_outputs", 2L)]);
        graph.Node("Sub", ["with", "without"], ["difference"]);
    }

    /// <summary>"features": the token layer's output and the three numbers that are pooled as they are, [R, m + 3].</summary>
    private void Tokens(string hidden)
    {
        graph.Node("Reshape", ["token_type_ids", "row"], ["types"]);
        graph.Node("Gather", ["types", "read"], ["read_types"]);
        graph.Node("Equal", ["read_types", "two"], ["read_known"]);
        graph.Node("Cast", ["read_known"], ["known"], attributes: [("to", (long)ElementType.Float)]);
        graph.Node("Unsqueeze", ["known", "along"], ["overlap"]);
        graph.Node("Gather", [hidden, "predicting"], ["states_before"]);
        graph.Node("Gather", [hidden, "read"], ["states_after"]);
        graph.Node("Mul", ["with", "overlap"], ["known_with"]);
        graph.Node("Mul", ["without", "overlap"], ["known_without"]);
        Concat(["with", "without", "difference", "known_with", "known_without"], "likelihoods");
        graph.Node("Mul", ["likelihoods", graph.Constant("log_prob_scale", [LikelihoodConfig.LogProbScale])], ["scaled_likelihoods"]);
        Concat(["states_before", "states_after", "scaled_likelihoods", "overlap"], "token_input");
        Dense("token_input", LikelihoodTensors.Token, config.HeadSize, config.TokenWidth, "token_product");
        graph.Node("Gelu", ["token_product"], ["token_output"], attributes: [("approximate", "none")]);
        Concat(["token_output", "with", "difference", "overlap"], "features");
    }

    /// <summary>"spread": the features where their tokens lie, [B, T, m + 3]; zero elsewhere.</summary>
    private void Spread()
    {
        graph.Node("Size", ["input_ids"], ["size"]);
        graph.Node("Reshape", ["size", "row"], ["sizes"]);
        graph.Node("Concat", ["sizes", graph.Constant("feature_width", [config.HeadSize + 3L], 1)], ["spread_flat_shape"], attributes: [("axis", 0L)]);
        graph.Node("Expand", ["seen", "spread_flat_shape"], ["nothing"]);
        graph.Node("Unsqueeze", ["read", "along"], ["read_rows"]);
        graph.Node("ScatterND", ["nothing", "read_rows", "features"], ["spread_flat"]);
        graph.Node("Concat", ["batch_and_length", "feature_width"], ["spread_shape"], attributes: [("axis", 0L)]);
        graph.Node("Reshape", ["spread_flat", "spread_shape"], ["spread"]);
    }

    /// <summary>"pooled": mean and largest of the token layer; mean and least log p, mean and least difference, share of overlap, [B, 2 m + 5].</summary>
    private void Pooled()
    {
        // The mean is a product, since a sum over T may add up in another order for one row than for several.
        graph.Node("Cast", ["answer"], ["marks"], attributes: [("to", (long)ElementType.Float)]);
        graph.Node("ReduceSum", ["marks", "along"], ["counts"], attributes: [("keepdims", 1L)]);
        graph.Node("Div", ["marks", "counts"], ["shares"]);
        graph.Node("Unsqueeze", ["shares", "along"], ["share_rows"]);
        graph.Node("MatMul", ["share_rows", "spread"], ["mean_rows"]);
        graph.Node("Squeeze", ["mean_rows", "along"], ["means"]);
        graph.Constant("feature_widths", [(long)config.HeadSize, 1, 1, 1], 4);
        string[] parts = ["token", "with", "difference", "overlap"];
        graph.Node("Split", ["means", "feature_widths"], [.. parts.Select(part => $"{part}_mean")], attributes: [("axis", 1L)]);

        graph.Node("Unsqueeze", ["answer", "last"], ["answer_marks"]);
        graph.Node("Split", ["spread", "feature_widths"], [.. parts.Select(part => $"{part}_spread")], attributes: [("axis", 2L)]);
        Extreme("ReduceMax", "token", graph.Constant("far_below", [-Far]));
        graph.Constant("far_above", [Far]);
        Extreme("ReduceMin", "with", "far_above");
        Extreme("ReduceMin", "difference", "far_above");
        Concat(["token_mean", "token_extreme", "with_mean", "with_extreme", "difference_mean", "difference_extreme", "overlap_mean"], "pooled");
    }

    private void Extreme(string operation, string name, string elsewhere)
    {
        graph.Node("Where", ["answer_marks", $"{name}_spread", elsewhere], [$"{name}_marked"]);
        graph.Node(operation, [$"{name}_marked", "along"], [$"{name}_extreme"], attributes: [("keepdims", 0L)]);
    }

    private void Concat(string[] parts, string name) => graph.Node("Concat", parts, [name], attributes: [("axis", 1L)]);

    private void Dense(string input, string tensor, int rows, int columns, string output) =>
        weights.Linear(input, weights.Of($"{tensor}.weight", rows, columns), weights.Of($"{tensor}.bias", rows), output);
}
