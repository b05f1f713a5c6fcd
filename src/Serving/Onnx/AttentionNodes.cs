using Serving.Models;

namespace Serving.Onnx;

/// <summary>The attention blocks of a decoder graph: projections, GroupQueryAttention over the bound keys and values, output projection.</summary>
internal sealed class AttentionNodes(GraphWriter graph, WeightNodes weights, DecoderConfig config)
{
    private readonly int _queryWidth = config.Heads * config.HeadDimension;
    private readonly int _keyWidth = config.KeyValueHeads * config.HeadDimension;

    /// <summary>Keys and values in and out, and the constants that all layers use.</summary>
    public void Declare()
    {
        for (var i = 0; i < config.Layers; i++)
        {
            foreach (var part in (string[])["key", "value"])
            {
                object[] shape = ["batch", config.KeyValueHeads, "context", config.HeadDimension];
                graph.Input($"past_key_values.{i}.{part}", ElementType.Float, shape);
                graph.Output($"present.{i}.{part}", ElementType.Float, shape);
            }
        }

        // Attention sees [B, S, width]: batch and sequence from the input, the width from the data.
        graph.Node("Shape", ["input_ids"], ["batch_and_sequence"]);
        graph.Node("Concat", ["batch_and_sequence", graph.Constant("rest", [-1L], 1)], ["attention_shape"], attributes: [("axis", 0L)]);
        graph.Constant("attended_shape", [-1L, _queryWidth], 2);
        RotaryNodes.Declare(graph, config);
        if (config.QueryKeyNorm)
        {
            graph.Constant("head_shape", [-1L, config.HeadDimension], 2);
        }
    }

    /// <summary>One layer's block, [B*S, d] to [B*S, d].</summary>
    public string Block(int layer, string input)
    {
        var prefix = $"model.layers.{layer}.self_attn";
        graph.Node(
            "GroupQueryAttention",
            [
                .. Projected(prefix, input),
                $"past_key_values.{layer}.key",
                $"past_key_values.{layer}.value",
                "seqlens_k",
                "total_sequence_length",
                "cos_cache",
                "sin_cache",
            ],
            [$"{prefix}.attended", $"present.{layer}.key", $"present.{layer}.value"],
            GraphWriter.Microsoft,
            ("num_heads", (long)config.Heads),
            ("kv_num_heads", (long)config.KeyValueHeads),
            ("do_rotary", 1L));
        var flat = graph.Node("Reshape", [$"{prefix}.attended", "attended_shape"], [$"{prefix}.flat"]);
        var weight = weights.Of($"{prefix}.o_proj.weight", config.HiddenSize, _queryWidth);
        var bias = config.OutputBias ? weights.Of($"{prefix}.o_proj.bias", config.HiddenSize) : null;
        return weights.Linear(flat, weight, bias, $"{prefix}.o_proj");
    }

    /// <summary>Query, key and value, [B, S, width] each; or all three in the first.</summary>
    private string[] Projected(string prefix, string input)
    {
        (string Name, int Width)[] parts = [("q", _queryWidth), ("k", _keyWidth), ("v", _keyWidth)];
        TensorEntry[] matrices = [.. parts.Select(part => weights.Find($"{prefix}.{part.Name}_proj.weight", part.Width, config.HiddenSize))];
        TensorEntry[] biases = config.AttentionBias ? [.. parts.Select(part => weights.Find($"{prefix}.{part.Name}_proj.bias", part.Width))] : [];

        // One product where the three lie one after the other, as in our own files; other writers sort by name. Normed heads come singly.
        if (!config.QueryKeyNorm && GraphWriter.Adjacent(matrices) && GraphWriter.Adjacent(biases))
        {
            var matrix = weights.Packed($"{prefix}.qkv.weight", matrices);
            var bias = config.AttentionBias ? weights.Packed($"{prefix}.qkv.bias", biases) : null;
            return [Shaped(weights.Linear(input, matrix, bias, $"{prefix}.qkv")), "", ""];
        }

        return [.. parts.Select((part, i) =>
        {
            var bias = config.AttentionBias ? weights.Of(biases[i]) : null;
            var product = weights.Linear(input, weights.Of(matrices[i]), bias, $"{matrices[i].Name}.product");
            return Shaped(config.QueryKeyNorm && part.Name != "v" ? HeadNorm(product, $"{prefix}.{part.Name}_norm") : product);
        })];
    }

    /// <summary>Root-mean-square norm of every head by itself.</summary>
    private string HeadNorm(string product, string name)
    {
        var heads = graph.Node("Reshape", [product, "head_shape"], [$"{name}.heads"]);
        return graph.Node(
            "SimplifiedLayerNormalization",
            [heads, weights.Of($"{name}.weight", config.HeadDimension)],
            [name],
            attributes: [("epsilon", (float)config.NormEpsilon), ("axis", -1L), ("stash_type", 1L)]);
    }

    private string Shaped(string flat) => graph.Node("Reshape", [flat, "attention_shape"], [$"{flat}.shaped"]);
}
