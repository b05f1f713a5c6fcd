using Serving.Models;
using Serving.Onnx;

namespace Serving.Testing;

/// <summary>
/// Writes decoder graphs as Hugging Face's optimum exports them: plain operators, keys and values concatenated, weights within the file. Besides being
/// what third parties bring, it is an independent fp32 reference of our fused graph: it shares no operator of attention, norms or rotation with it.
/// </summary>
public sealed class OptimumExport
{
    private readonly GraphWriter _graph = new("optimum");
    private readonly DecoderConfig _config;
    private readonly Dictionary<string, NamedTensor> _weights;
    private readonly Variant _variant;
    private int _temporaries;

    private OptimumExport(DecoderConfig config, IEnumerable<NamedTensor> weights, Variant variant)
    {
        _config = config;
        _weights = weights.ToDictionary(tensor => tensor.Name);
        _variant = variant;
    }

    /// <summary>How exports differ.</summary>
    /// <param name="Positions">It takes position_ids; otherwise it counts them from the past.</param>
    /// <param name="Symbolic">The sizes of keys and values are names instead of numbers.</param>
    /// <param name="Half">Keys, values and logits are fp16; the computation stays fp32.</param>
    public sealed record Variant(bool Positions = true, bool Symbolic = false, bool Half = false);

    private ElementType Type => _variant.Half ? ElementType.Float16 : ElementType.Float;

    /// <summary>Writes model.onnx.</summary>
    public static void Write(string folder, DecoderConfig config, IEnumerable<NamedTensor> weights, Variant? variant = null)
    {
        var export = new OptimumExport(config, weights, variant ?? new Variant());
        export.Build();
        export._graph.Save(Path.Combine(folder, ModelFiles.Graph));
    }

    private void Build()
    {
        Declare();
        var positions = _variant.Positions ? "position_ids" : CountPositions();
        Rotations(positions);
        Mask(positions);

        var stream = Op("Gather", [Weight("model.embed_tokens.weight"), "input_ids"]);
        if (_config.Family == ModelFamily.Gemma)
        {
            stream = Op("Mul", [stream, Number((float)Math.Sqrt(_config.HiddenSize))]);
        }

        for (var i = 0; i < _config.Layers; i++)
        {
            var layer = $"model.layers.{i}.";
            stream = Op("Add", [stream, Attention(i, Norm(stream, layer + "input_layernorm.weight"), layer + "self_attn.")]);
            stream = Op("Add", [stream, FeedForward(Norm(stream, layer + "post_attention_layernorm.weight"), layer + "mlp.")]);
        }

        stream = Norm(stream, "model.norm.weight");
        var logits = Dense(stream, _config.TieEmbeddings ? "model.embed_tokens" : "lm_head");
        _graph.Node("Cast", [logits], ["logits"], attributes: [("to", (long)Type)]);
    }

    private void Declare()
    {
        _graph.Input("input_ids", ElementType.Int64, "batch", "sequence");
        _graph.Input("attention_mask", ElementType.Int64, "batch", "total");
        if (_variant.Positions)
        {
            _graph.Input("position_ids", ElementType.Int64, "batch", "sequence");
        }

        _graph.Output("logits", Type, "batch", "sequence", _config.VocabularySize);
        for (var i = 0; i < _config.Layers; i++)
        {
            foreach (var part in (string[])["key", "value"])
            {
                object heads = _variant.Symbolic ? "kv_heads" : _config.KeyValueHeads;
                object width = _variant.Symbolic ? "head_dim" : _config.HeadDimension;
                _graph.Input($"past_key_values.{i}.{part}", Type, "batch", heads, "past", width);
                _graph.Output($"present.{i}.{part}", Type, "batch", heads, "total", width);
            }
        }
    }

    /// <summary>past, past + 1, ... of one row, [1, S].</summary>
    private string CountPositions()
    {
        var past = Op("Squeeze", [Size("past_key_values.0.key", 2)]);
        var total = Op("Squeeze", [Size("attention_mask", 1)]);
        return Op("Unsqueeze", [Op("Range", [past, total, _graph.Constant("one_step", [1L])]), Axes(0)]);
    }

    /// <summary>cos and sin of each position, both halves, [B, S, 1, hd].</summary>
    private void Rotations(string positions)
    {
        var (width, half) = (_config.HeadDimension, _config.HeadDimension / 2);
        var reference = new DecoderReference(_config, []);
        foreach (var (name, function) in new (string, Func<double, double>)[] { ("cos", Math.Cos), ("sin", Math.Sin) })
        {
            var table = new float[_config.MaxPositions * width];
            for (var i = 0; i < table.Length; i++)
            {
                table[i] = (float)function(i / width * reference.Frequency(i % width % half));
            }

            var rows = Op("Gather", [_graph.Constant(name + "_table", table, _config.MaxPositions, width), positions]);
            _graph.Node("Unsqueeze", [rows, Axes(2)], [name]);
        }
    }

    /// <summary>0 where a position may look, -1e9 elsewhere, [B, 1, 1, S, T].</summary>
    private void Mask(string positions)
    {
        var total = Op("Squeeze", [Size("attention_mask", 1)]);
        var columns = Op("Range", [_graph.Constant("range_start", [0L]), total, _graph.Constant("range_step", [1L])]);
        var before = Op("LessOrEqual", [columns, Op("Unsqueeze", [positions, Axes(1, 2, 4)])]);
        var given = Op("Cast", [Op("Unsqueeze", ["attention_mask", Axes(1, 2, 3)])], ("to", (long)ElementType.Bool));
        _graph.Node("Where", [Op("And", [before, given]), Number(0), Number(-1e9f)], ["mask"]);
    }

    private string Attention(int layer, string input, string prefix)
    {
        long kv = _config.KeyValueHeads, width = _config.HeadDimension, group = _config.Heads / _config.KeyValueHeads;
        var query = Rotate(HeadNorm(Heads(Dense(input, prefix + "q_proj"), _config.Heads), prefix + "q_norm"));
        var key = Rotate(HeadNorm(Heads(Dense(input, prefix + "k_proj"), _config.KeyValueHeads), prefix + "k_norm"));
        var value = Heads(Dense(input, prefix + "v_proj"), _config.KeyValueHeads);
        key = Join(layer, "key", Op("Transpose", [key], ("perm", new long[] { 0, 2, 1, 3 })));           // [B, kv, T, hd]
        value = Join(layer, "value", Op("Transpose", [value], ("perm", new long[] { 0, 2, 1, 3 })));

        var grouped = Op("Transpose", [Op("Reshape", [query, Shape(0, 0, kv, group, width)])], ("perm", new long[] { 0, 2, 3, 1, 4 }));
        var across = Op("Unsqueeze", [Op("Transpose", [key], ("perm", new long[] { 0, 1, 3, 2 })), Axes(2)]);
        var scores = Op("Mul", [Op("MatMul", [grouped, across]), Number((float)(1 / Math.Sqrt(width)))]);   // [B, kv, g, S, T]
        var shares = Op("Softmax", [Op("Add", [scores, "mask"])], ("axis", -1L));
        var mixed = Op("Transpose", [Op("MatMul", [shares, Op("Unsqueeze", [value, Axes(2)])])], ("perm", new long[] { 0, 3, 1, 2, 4 }));
        return Dense(Op("Reshape", [mixed, Shape(0, 0, _config.Heads * width)]), prefix + "o_proj");
    }

    /// <summary>Puts the step's keys or values behind the past ones.</summary>
    private string Join(int layer, string part, string step)
    {
        var past = Op("Cast", [$"past_key_values.{layer}.{part}"], ("to", (long)ElementType.Float));
        var both = Op("Concat", [past, step], ("axis", 2L));
        _graph.Node("Cast", [both], [$"present.{layer}.{part}"], attributes: [("to", (long)Type)]);
        return both;
    }

    private string FeedForward(string input, string prefix)
    {
        var gate = Dense(input, prefix + "gate_proj");
        gate = _config.Activation == Activation.Silu
            ? Op("Mul", [gate, Op("Sigmoid", [gate])])
            : Op("Gelu", [gate], ("approximate", _config.Activation == Activation.GeluTanh ? "tanh" : "none"));
        return Dense(Op("Mul", [gate, Dense(input, prefix + "up_proj")]), prefix + "down_proj");
    }

    private string Rotate(string heads)
    {
        long half = _config.HeadDimension / 2;
        var first = Op("Slice", [heads, Shape(0), Shape(half), Axes(3)]);
        var second = Op("Slice", [heads, Shape(half), Shape(2 * half), Axes(3)]);
        var turned = Op("Concat", [Op("Neg", [second]), first], ("axis", 3L));
        return Op("Add", [Op("Mul", [heads, "cos"]), Op("Mul", [turned, "sin"])]);
    }

    private string HeadNorm(string heads, string name) => _config.Family == ModelFamily.Qwen3 ? Norm(heads, name + ".weight") : heads;

    private string Norm(string input, string name)
    {
        var scale = _weights[name].Values.ToArray().Select(value => _config.Family == ModelFamily.Gemma ? 1 + value : value).ToArray();
        var mean = Op("ReduceMean", [Op("Mul", [input, input]), Axes(-1)]);
        var root = Op("Sqrt", [Op("Add", [mean, Number((float)_config.NormEpsilon)])]);
        return Op("Mul", [Op("Div", [input, root]), _graph.Constant(Name(), scale, scale.Length)]);
    }

    private string Dense(string input, string name)
    {
        var product = Op("MatMul", [input, Op("Transpose", [Weight(name + ".weight")], ("perm", new long[] { 1, 0 }))]);
        return _weights.ContainsKey(name + ".bias") ? Op("Add", [product, Weight(name + ".bias")]) : product;
    }

    private string Heads(string flat, long count) => Op("Reshape", [flat, Shape(0, 0, count, _config.HeadDimension)]);

    private string Weight(string name) => _graph.Constant(Name(), _weights[name].Values.Span, [.. _weights[name].Shape]);

    private string Size(string value, long axis) => Op("Shape", [value], ("start", axis), ("end", axis + 1));

    private string Number(float value) => _graph.Constant(Name(), [value]);

    private string Axes(params long[] axes) => Shape(axes);

    private string Shape(params long[] values) => _graph.Constant(Name(), values, values.Length);

    private string Op(string op, string[] inputs, params (string Name, object Value)[] attributes) => _graph.Node(op, inputs, [Name()], attributes: attributes);

    private string Name() => $"t{_temporaries++}";
}
