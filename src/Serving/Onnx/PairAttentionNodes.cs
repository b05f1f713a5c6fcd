using Serving.Models;

namespace Serving.Onnx;

/// <summary>The attention blocks of a decoder that reads whole rows at once: no keys and values are kept; "attention_bias" says what a token sees.</summary>
internal sealed class PairAttentionNodes(GraphWriter graph, WeightNodes weights, DecoderConfig config)
{
    private readonly int _queryWidth = config.Heads * config.HeadDimension;
    private readonly int _keyWidth = config.KeyValueHeads * config.HeadDimension;

    /// <summary>The constants that all layers use.</summary>
    public void Declare()
    {
        graph.Node("Concat", ["batch_and_length", graph.Constant("rest", [-1L], 1)], ["attention_shape"], attributes: [("axis", 0L)]);
        graph.Constant("attended_shape", [-1L, _queryWidth], 2);
        graph.Constant("widths", [(long)_queryWidth, _keyWidth, _keyWidth], 3);
        RotaryNodes.Declare(graph, config);
        if (config.QueryKeyNorm)
        {
            graph.Constant("head_shape", [-1L, config.HeadDimension], 2);
        }

        if (config.Heads != config.KeyValueHeads)
        {
            var times = config.Heads / config.KeyValueHeads;
            graph.Constant("shared_shape", [0L, 0, config.KeyValueHeads, 1, config.HeadDimension], 5);       // 0 = as it is
            graph.Constant("repeated_shape", [1L, 1, 1, times, 1], 5);
        }
    }

    /// <summary>One layer's block, [B*T, d] to [B*T, d].</summary>
    public string Block(int layer, string input)
    {
        var prefix = $"model.layers.{layer}.self_attn";
        var (query, key, value) = Projected(prefix, input);
        query = Rotated(Normed(query, $"{prefix}.q_norm"));
        key = Repeated(Rotated(Normed(key, $"{prefix}.k_norm")));
        value = Repeated(Shaped(value));
        graph.Node(
            "MultiHeadAttention",
            [query, key, value, "", "", "attention_bias"],
            [$"{prefix}.attended"],
            GraphWriter.Microsoft,
            ("num_heads", (long)config.Heads));
        var flat = graph.Node("Reshape", [$"{prefix}.attended", "attended_shape"], [$"{prefix}.flat"]);
        var weight = weights.Of($"{prefix}.o_proj.weight", config.HiddenSize, _queryWidth);
        var bias = config.OutputBias ? weights.Of($"{prefix}.o_proj.bias", config.HiddenSize) : null;
        return weights.Linear(flat, weight, bias, $"{prefix}.o_proj");
    }

    /// <summary>Query, key and value, [B*T, width] each; one product where their weights lie one after the other.</summary>
    private (string Query, string Key, string Value) Projected(string prefix, string input)
    {
        (string Name, int Width)[] parts = [("q", _queryWidth), ("k", _keyWidth), ("v", _keyWidth)];
        TensorEntry[] matrices = [.. parts.Select(part => weights.Find($"{prefix}.{part.Name}_proj.weight", part.Width, config.HiddenSize))];
        TensorEntry[] biases = config.AttentionBias ? [.. parts.Select(part => weights.Find($"{prefix}.{part.Name}_proj.bias", part.Width))] : [];
        string[] products = [.. parts.Select(part => $"{prefix}.{part.Name}")];
        if (GraphWriter.Adjacent(matrices) && GraphWriter.Adjacent(biases))
        {
            var matrix = weights.Packed($"{prefix}.qkv.weight", matrices);
            var bias = config.AttentionBias ? weights.Packed($"{prefix}.qkv.bias", biases) : null;
            var all = weights.Linear(input, matrix, bias, $"{prefix}.qkv");
            graph.Node("Split", [all, "widths"], products, attributes: [("axis", 1L)]);
        }
        else
        {
            for (var i = 0; i < parts.Length; i++)
            {
                weights.Linear(input, weights.Of(matrices[i]), config.AttentionBias ? weights.Of(biases[i]) : null, products[i]);
            }
        }

        return (products[0], products[1], products[2]);
    }

    /// <summary>Root-mean-square norm of every head by itself, where the family has it.</summary>
    private string Normed(string flat, string name)
    {
        if (!config.QueryKeyNorm)
        {
            return flat;
        }

        var heads = graph.Node("Reshape", [flat, "head_shape"], [$"{name}.heads"]);
        return graph.Node(
            "SimplifiedLayerNormalization",
            [heads, weights.Of($"{name}.weight", config.HeadDimension)],
            [name],
            attributes: [("epsilon", (float)config.NormEpsilon), ("axis", -1L), ("stash_type", 1L)]);
    }

    /// <summary>Flat heads, turned by their positions: [B, T, width].</summary>
    private string Rotated(string flat) =>
        graph.Node("RotaryEmbedding", [Shaped(flat), "position_ids", "cos_cache", "sin_cache"], [$"{flat}.rotated"], GraphWriter.Microsoft);

    /// <summary>Every key or value head once for each query head that reads it.</summary>
    private string Repeated(string shaped)
    {
        if (config.Heads == config.KeyValueHeads)
        {
            return shaped;
        }

        graph.Node("Reshape", [shaped, "shared_shape"], [$"{shaped}.shared"]);
        graph.Node("Expand", [$"{shaped}.shared", "repeated_shape"], [$"{shaped}.expanded"]);
        return graph.Node("Reshape", [$"{shaped}.expanded", "attention_shape"], [$"{shaped}.repeated"]);
    }

    private string Shaped(string flat) => graph.Node("Reshape", [flat, "attention_shape"], [$"{flat}.shaped"]);
}
