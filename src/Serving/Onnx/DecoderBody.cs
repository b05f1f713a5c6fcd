using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// All of a decoder but its attention: embedding, norms, feed-forward blocks and output projection. The residual stream is kept flat, [B*S, d].
/// </summary>
internal sealed class DecoderBody
{
    private readonly GraphWriter _graph;
    private readonly WeightNodes _weights;
    private readonly DecoderConfig _config;
    private readonly FeedForwardNodes _feedForward;
    private readonly TensorEntry _embedding;

    public DecoderBody(GraphWriter graph, WeightNodes weights, DecoderConfig config)
    {
        (_graph, _weights, _config) = (graph, weights, config);
        _feedForward = new FeedForwardNodes(graph, weights, config);
        _embedding = weights.Find("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        if (config.UnitOffsetNorm)
        {
            graph.Constant("norm_offset", [1f]);
        }
    }

    /// <summary>States of "input_ids" after the last norm, [B*S, d].</summary>
    /// <param name="attention">Attention block of a layer: its number and its input, [B*S, d], to its output, [B*S, d].</param>
    public string Hidden(Func<int, string, string> attention)
    {
        var stream = Embedded();
        string? update = null;       // what the last block adds to the stream; added by the norm that follows
        for (var i = 0; i < _config.Layers; i++)
        {
            var prefix = $"model.layers.{i}";
            var attended = attention(i, Norm($"{prefix}.input_layernorm", ref stream, update));
            update = _feedForward.Block(prefix, Norm($"{prefix}.post_attention_layernorm", ref stream, attended));
        }

        return Norm("model.norm", ref stream, update);
    }

    /// <summary>Logits of states: [R, d] to [R, V].</summary>
    public string Logits(string rows, string output)
    {
        var head = _config.TieEmbeddings ? _embedding : _weights.Find("lm_head.weight", _config.VocabularySize, _config.HiddenSize);
        return _weights.Linear(rows, _weights.Of(head), null, output);
    }

    /// <summary>The tokens' embeddings, [B*S, d]: picked from the file as they are, so that of a large vocabulary no second copy is made.</summary>
    private string Embedded()
    {
        var embedded = _weights.Widened(_graph.Node("Gather", [_graph.Weight(_embedding), "input_ids"], ["embedded"]), _embedding);
        if (_config.EmbeddingScale != 1)
        {
            embedded = _graph.Node("Mul", [embedded, _graph.Constant("embedding_scale", [(float)_config.EmbeddingScale])], ["embedded.scaled"]);
        }

        return _graph.Node("Reshape", [embedded, _graph.Constant("stream_shape", [-1L, _config.HiddenSize], 2)], ["stream"]);
    }

    /// <summary>Root-mean-square norm of the stream, after <paramref name="update"/> (if any) has been added to it.</summary>
    private string Norm(string name, ref string stream, string? update)
    {
        var scale = _weights.Of($"{name}.weight", _config.HiddenSize);
        if (_config.UnitOffsetNorm)
        {
            scale = _graph.Node("Add", [scale, "norm_offset"], [$"{name}.scale"]);
        }

        (string, object) epsilon = ("epsilon", (float)_config.NormEpsilon);
        var input = stream;
        if (update is null)
        {
            return _graph.Node("SimplifiedLayerNormalization", [input, scale], [name], attributes: [epsilon, ("axis", -1L), ("stash_type", 1L)]);
        }

        stream = $"{name}.sum";
        return _graph.Node("SkipSimplifiedLayerNormalization", [input, update, scale], [name, "", "", stream], GraphWriter.Microsoft, epsilon);
    }
}
