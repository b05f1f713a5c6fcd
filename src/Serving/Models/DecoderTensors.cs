namespace Serving.Models;

/// <summary>A tensor that a config calls for: its Hugging Face name and its dimensions, outermost first.</summary>
public sealed record RequiredTensor(string Name, params IReadOnlyList<long> Shape)
{
    /// <summary>Number of values.</summary>
    public long Count => Shape.Aggregate(1L, (product, dimension) => product * dimension);
}

/// <summary>Every tensor that a policy's checkpoint must hold. What it holds besides is of no concern.</summary>
public static class DecoderTensors
{
    /// <summary>In the order in which our own files hold them: of a layer, q, k and v one after the other, gate and up too.</summary>
    public static IEnumerable<RequiredTensor> Of(DecoderConfig config)
    {
        long d = config.HiddenSize, inner = config.IntermediateSize, head = config.HeadDimension;
        long queries = config.Heads * head, keys = config.KeyValueHeads * head;
        yield return new("model.embed_tokens.weight", config.VocabularySize, d);
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = $"model.layers.{i}.";
            yield return new(layer + "input_layernorm.weight", d);
            yield return new(layer + "self_attn.q_proj.weight", queries, d);
            yield return new(layer + "self_attn.k_proj.weight", keys, d);
            yield return new(layer + "self_attn.v_proj.weight", keys, d);
            if (config.AttentionBias)
            {
                yield return new(layer + "self_attn.q_proj.bias", queries);
                yield return new(layer + "self_attn.k_proj.bias", keys);
                yield return new(layer + "self_attn.v_proj.bias", keys);
            }

            if (config.QueryKeyNorm)
            {
                yield return new(layer + "self_attn.q_norm.weight", head);
                yield return new(layer + "self_attn.k_norm.weight", head);
            }

            yield return new(layer + "self_attn.o_proj.weight", d, queries);
            if (config.OutputBias)
            {
                yield return new(layer + "self_attn.o_proj.bias", d);
            }

            yield return new(layer + "post_attention_layernorm.weight", d);
            yield return new(layer + "mlp.gate_proj.weight", inner, d);
            yield return new(layer + "mlp.up_proj.weight", inner, d);
            yield return new(layer + "mlp.down_proj.weight", d, inner);
        }

        yield return new("model.norm.weight", d);
        if (!config.TieEmbeddings)
        {
            yield return new("lm_head.weight", config.VocabularySize, d);
        }
    }
}
