using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Lays out the operators of one decoder. The residual stream is kept flat, [B*S, d]; only attention sees [B, S, ...].
/// </summary>
internal sealed class DecoderGraphBuilder
{
    private readonly DecoderConfig _config;
    private readonly GraphWriter _graph = new("decoder");
    private readonly WeightNodes _weights;
    private readonly AttentionNodes _attention;
    private readonly FeedForwardNodes _feedForward;

    public DecoderGraphBuilder(DecoderConfig config, Checkpoint checkpoint)
    {
        _config = config;
        _weights = new WeightNodes(_graph, checkpoint);
        _attention = new AttentionNodes(_graph, _weights, config);
        _feedForward = new FeedForwardNodes(_graph, _weights, config);
    }

    public GraphWriter Build()
    {
        _graph.Input("input_ids", ElementType.Int64, "batch", "sequence");
        _graph.Input("seqlens_k", ElementType.Int32, "batch");
        _graph.Input("total_sequence_length", ElementType.Int32, 1);
        _graph.Input("logit_rows", ElementType.Int64, "logit_count");
        _graph.Output("logits", ElementType.Float, "logit_count", _config.VocabularySize);
        _attention.Declare();
        if (_config.UnitOffsetNorm)
        {
            _graph.Constant("norm_offset", [1f]);
        }

        var embedding = _weights.Find("model.embed_tokens.weight", _config.VocabularySize, _config.HiddenSize);
        var stream = Embedded(embedding);
        string? update = null;       // what the last block adds to the stream; added by the norm that follows
        for (var i = 0; i < _config.Layers; i++)
        {
            var prefix = $"model.layers.{i}";
            var attended = _attention.Block(i, Norm($"{prefix}.input_layernorm", ref stream, update));
            update = _feedForward.Block(prefix, Norm($"{prefix}.post_attention_layernorm", ref stream, attended));
        }

        var hidden = Norm("model.norm", ref stream, update);
        var rows = _graph.Node("Gather", [hidden, "logit_rows"], ["rows"]);
        var head = _config.TieEmbeddings ? embedding : _weights.Find("lm_head.weight", _config.VocabularySize, _config.HiddenSize);
        _weights.Linear(rows, _weights.Of(head), null, "logits");
        return _graph;
    }

    /// <summary>The tokens' embeddings, [B*S, d]: picked from the file as they are, so that of a large vocabulary no second copy is made.</summary>
    private string Embedded(TensorEntry embedding)
    {
        var embedded = _weights.Widened(_graph.Node("Gather", [_graph.Weight(embedding), "input_ids"], ["embedded"]), embedding);
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
