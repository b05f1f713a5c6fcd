using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Lays out the operators of one decoder. The residual stream is kept flat, [B*S, d], because Gemm (unlike MatMul) takes torch's [out, in]
/// weights as they lie in the file; only attention sees [B, S, ...].
/// </summary>
internal sealed class DecoderGraphBuilder(DecoderConfig config, SafetensorsFile weights)
{
    private readonly GraphWriter _graph = new("decoder");
    private readonly int _queryWidth = config.Heads * config.HeadDimension;
    private readonly int _keyWidth = config.KeyValueHeads * config.HeadDimension;

    public GraphWriter Build()
    {
        Declare();
        var embedding = Tensor("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        var embedded = _graph.Node("Gather", [_graph.Weight(embedding), "input_ids"], ["embedded"]);
        var stream = _graph.Node("Reshape", [embedded, _graph.Constant("stream_shape", [-1L, config.HiddenSize], 2)], ["stream"]);
        string? update = null;       // what the last block adds to the stream; added by the norm that follows
        for (var i = 0; i < config.Layers; i++)
        {
            var prefix = $"model.layers.{i}";
            var attended = Attention(i, Norm($"{prefix}.input_layernorm", ref stream, update));
            update = FeedForward(prefix, Norm($"{prefix}.post_attention_layernorm", ref stream, attended));
        }

        var hidden = Norm("model.norm", ref stream, update);
        var rows = _graph.Node("Gather", [hidden, "logit_rows"], ["rows"]);
        var head = config.TieEmbeddings ? embedding : Tensor("lm_head.weight", config.VocabularySize, config.HiddenSize);
        Linear(rows, _graph.Weight(head), "logits");
        return _graph;
    }

    private void Declare()
    {
        _graph.Input("input_ids", ElementType.Int64, "batch", "sequence");
        _graph.Input("seqlens_k", ElementType.Int32, "batch");
        _graph.Input("total_sequence_length", ElementType.Int32, 1);
        _graph.Input("logit_rows", ElementType.Int64, "logit_count");
        _graph.Output("logits", ElementType.Float, "logit_count", config.VocabularySize);
        for (var i = 0; i < config.Layers; i++)
        {
            foreach (var part in (string[])["key", "value"])
            {
                object[] shape = ["batch", config.KeyValueHeads, "context", config.HeadDimension];
                _graph.Input($"past_key_values.{i}.{part}", ElementType.Float, shape);
                _graph.Output($"present.{i}.{part}", ElementType.Float, shape);
            }
        }

        // Attention sees [B, S, width]: batch and sequence from the input, the width from the data.
        _graph.Node("Shape", ["input_ids"], ["batch_and_sequence"]);
        _graph.Node("Concat", ["batch_and_sequence", _graph.Constant("rest", [-1L], 1)], ["attention_shape"], attributes: [("axis", 0L)]);
        _graph.Constant("attended_shape", [-1L, _queryWidth], 2);
        Rotations();
    }

    /// <summary>cos and sin of position * theta^(-2i/hd), [MaxPositions, hd/2].</summary>
    private void Rotations()
    {
        var half = config.HeadDimension / 2;
        var cos = new float[config.MaxPositions * half];
        var sin = new float[cos.Length];
        for (var i = 0; i < half; i++)
        {
            var frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDimension);
            for (var position = 0; position < config.MaxPositions; position++)
            {
                (sin[(position * half) + i], cos[(position * half) + i]) = ((float, float))Math.SinCos(position * frequency);
            }
        }

        _graph.Constant("cos_cache", cos, config.MaxPositions, half);
        _graph.Constant("sin_cache", sin, config.MaxPositions, half);
    }

    /// <summary>Root-mean-square norm of the stream, after <paramref name="update"/> (if any) has been added to it.</summary>
    private string Norm(string name, ref string stream, string? update)
    {
        var scale = _graph.Weight(Tensor($"{name}.weight", config.HiddenSize));
        (string, object) epsilon = ("epsilon", (float)config.NormEpsilon);
        var input = stream;
        if (update is null)
        {
            return _graph.Node("SimplifiedLayerNormalization", [input, scale], [name], attributes: [epsilon, ("axis", -1L), ("stash_type", 1L)]);
        }

        stream = $"{name}.sum";
        return _graph.Node("SkipSimplifiedLayerNormalization", [input, update, scale], [name, "", "", stream], GraphWriter.Microsoft, epsilon);
    }

    private string Attention(int layer, string input)
    {
        var prefix = $"model.layers.{layer}.self_attn";
        var query = Tensor($"{prefix}.q_proj.weight", _queryWidth, config.HiddenSize);
        var key = Tensor($"{prefix}.k_proj.weight", _keyWidth, config.HiddenSize);
        var value = Tensor($"{prefix}.v_proj.weight", _keyWidth, config.HiddenSize);

        // One product where the three lie one after the other, as in our own files; other writers sort by name.
        string[] projected = GraphWriter.Adjacent(query, key, value)
            ? [Shaped(Linear(input, _graph.Packed($"{prefix}.qkv.weight", query, key, value), $"{prefix}.qkv")), "", ""]
            : [.. new[] { query, key, value }.Select(entry => Shaped(Linear(input, _graph.Weight(entry), entry.Name.Replace(".weight", "", StringComparison.Ordinal))))];
        _graph.Node(
            "GroupQueryAttention",
            [.. projected, $"past_key_values.{layer}.key", $"past_key_values.{layer}.value", "seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"],
            [$"{prefix}.attended", $"present.{layer}.key", $"present.{layer}.value"],
            GraphWriter.Microsoft,
            ("num_heads", (long)config.Heads),
            ("kv_num_heads", (long)config.KeyValueHeads),
            ("do_rotary", 1L));
        var flat = _graph.Node("Reshape", [$"{prefix}.attended", "attended_shape"], [$"{prefix}.flat"]);
        return Linear(flat, _graph.Weight(Tensor($"{prefix}.o_proj.weight", config.HiddenSize, _queryWidth)), $"{prefix}.o_proj");
    }

    private string FeedForward(string layer, string input)
    {
        var prefix = $"{layer}.mlp";
        var gate = Tensor($"{prefix}.gate_proj.weight", config.IntermediateSize, config.HiddenSize);
        var up = Tensor($"{prefix}.up_proj.weight", config.IntermediateSize, config.HiddenSize);
        if (GraphWriter.Adjacent(gate, up))
        {
            var both = Linear(input, _graph.Packed($"{prefix}.gate_up.weight", gate, up), $"{prefix}.gate_up");
            _graph.Node("Split", [both], [$"{prefix}.gate_proj", $"{prefix}.up_proj"], attributes: [("axis", 1L), ("num_outputs", 2L)]);
        }
        else
        {
            Linear(input, _graph.Weight(gate), $"{prefix}.gate_proj");
            Linear(input, _graph.Weight(up), $"{prefix}.up_proj");
        }

        // SiLU(x) = x * sigmoid(x) = QuickGelu with alpha 1.
        var silu = _graph.Node("QuickGelu", [$"{prefix}.gate_proj"], [$"{prefix}.silu"], GraphWriter.Microsoft, ("alpha", 1f));
        var gated = _graph.Node("Mul", [silu, $"{prefix}.up_proj"], [$"{prefix}.gated"]);
        return Linear(gated, _graph.Weight(Tensor($"{prefix}.down_proj.weight", config.HiddenSize, config.IntermediateSize)), $"{prefix}.down_proj");
    }

    private string Shaped(string flat) => _graph.Node("Reshape", [flat, "attention_shape"], [$"{flat}.shaped"]);

    private string Linear(string input, string weight, string output) =>
        _graph.Node("Gemm", [input, weight], [output], attributes: [("transB", 1L)]);

    private TensorEntry Tensor(string name, params ReadOnlySpan<long> shape)
    {
        var entry = weights.Find(name, shape);
        return entry.DType == "F32"
            ? entry
            : throw new ModelWeightsException($"{weights.Path}: tensor \"{name}\" is {entry.DType}, but policies are served in F32: convert the file.");
    }
}
