using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Writes model.onnx of a scorer folder from its config.json and model.safetensors: input_ids, attention_mask, token_type_ids (int64 [batch, length])
/// to logits (fp32 [batch, labels]). BERT: post-norm blocks, erf GELU, pooler tanh(dense(hidden[0])). The last layer computes what position 0 needs only.
/// Every operator treats a row alone, so that a pair's logits do not depend on its neighbours (they do depend on the padded length).
/// </summary>
public static class EncoderGraph
{
    /// <summary>Added to the scores of padded positions: exp of it is exactly 0 in fp32.</summary>
    private const float Masked = -1e30f;

    /// <summary>Writes <paramref name="folder"/>/model.onnx.</summary>
    /// <exception cref="ModelConfigException">config.json is not of a BERT-family scorer.</exception>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than the config says.</exception>
    public static void Write(string folder)
    {
        var config = EncoderConfig.Read(folder);
        using var weights = SafetensorsFile.Open(Path.Combine(folder, ModelFiles.Weights));
        var graph = new GraphWriter("encoder");
        new Builder(graph, config, weights).Build();
        graph.Save(Path.Combine(folder, ModelFiles.Graph));
    }

    private sealed class Builder(GraphWriter graph, EncoderConfig config, SafetensorsFile weights)
    {
        private readonly long _width = config.HiddenSize;

        public void Build()
        {
            foreach (var input in (string[])["input_ids", "attention_mask", "token_type_ids"])
            {
                graph.Input(input, ElementType.Int64, "batch", "length");
            }

            graph.Output("logits", ElementType.Float, "batch", config.Labels.Count);
            graph.Node("Cast", ["attention_mask"], ["mask"], attributes: [("to", (long)ElementType.Int32)]);
            graph.Constant("flat", [-1L, _width], 2);                // [batch * length, d]

            var hidden = Embed();                                    // [batch * length, d]
            for (var i = 0; i < config.Layers - 1; i++)
            {
                hidden = Layer(i, hidden, hidden, "embedded_shape");
            }

            // Only the first position of each row, <s>, is read: the last layer gives no other. The others still give it their keys and values.
            graph.Node("Reshape", [hidden, "embedded_shape"], ["rows"]);
            graph.Node("Gather", ["rows", graph.Constant("first", [0L])], ["firsts"], attributes: [("axis", 1L)]);          // [batch, d]
            graph.Constant("first_shape", [-1L, 1, _width], 3);
            var last = Layer(config.Layers - 1, hidden, "firsts", "first_shape");
            graph.Node("Tanh", [Dense(last, "bert.pooler.dense", _width, _width)], ["pooled"]);
            graph.Node("Identity", [Dense("pooled", "classifier", _width, config.Labels.Count)], ["logits"]);
        }

        private string Embed()
        {
            const string Embeddings = "bert.embeddings.";
            var words = Matrix(Embeddings + "word_embeddings.weight", config.VocabularySize, _width);
            var positions = Matrix(Embeddings + "position_embeddings.weight", config.MaxPositions, _width);
            var types = Matrix(Embeddings + "token_type_embeddings.weight", config.TypeVocabularySize, _width);

            graph.Node("Gather", [words, "input_ids"], ["words"]);
            graph.Node("Gather", [types, "token_type_ids"], ["types"]);

            // Positions are the rows 0 .. length - 1 of the table.
            graph.Node("Shape", ["input_ids"], ["length"], attributes: [("start", 1L), ("end", 2L)]);
            graph.Node("Slice", [positions, graph.Constant("zero", [0L], 1), "length"], ["positions"]);
            graph.Node("Add", ["types", "positions"], ["places"]);
            graph.Node("Add", ["words", "places"], ["sum"]);
            graph.Node("LayerNormalization", ["sum", .. Norm(Embeddings + "LayerNorm")], ["embedded"], attributes: [Epsilon]);
            graph.Node("Shape", ["embedded"], ["embedded_shape"]);
            return graph.Node("Reshape", ["embedded", "flat"], ["embedded_flat"]);
        }

        /// <param name="index">Of the layer.</param>
        /// <param name="hidden">All positions, [batch * length, d].</param>
        /// <param name="asking">Those of them that the layer has results for, [batch * some, d].</param>
        /// <param name="shape">Shape constant of the latter by rows, [batch, some, d].</param>
        private string Layer(int index, string hidden, string asking, string shape)
        {
            var layer = $"bert.encoder.layer.{index}.";
            var name = $"layer{index}.";

            // scores = q k^T / sqrt(head) + mask; the operator runs each row and head by itself.
            string[] heads = [Part("query", asking, shape), Part("key", hidden, "embedded_shape"), Part("value", hidden, "embedded_shape")];
            graph.Node("MultiHeadAttention", [.. heads, "", "mask"], [name + "attended"], GraphWriter.Microsoft,
                ("num_heads", (long)config.Heads), ("mask_filter_value", Masked));
            graph.Node("Reshape", [name + "attended", "flat"], [name + "attended_flat"]);

            var mixed = Residual(name + "mixed", name + "attended_flat", asking, layer + "attention.output", _width);
            var inner = layer + "intermediate.dense";
            graph.Node("Gemm", [mixed, Matrix(inner + ".weight", config.IntermediateSize, _width)], [name + "inner"], attributes: [("transB", 1L)]);
            graph.Node("BiasGelu", [name + "inner", Vector(inner + ".bias", config.IntermediateSize)], [name + "active"], GraphWriter.Microsoft);
            return Residual(name + "out", name + "active", mixed, layer + "output", config.IntermediateSize);

            string Part(string part, string input, string rows) =>
                graph.Node("Reshape", [Dense(input, $"{layer}attention.self.{part}", _width, _width), rows], [$"{name}{part}"]);
        }

        /// <summary>LayerNorm(residual + dense(input)), the dense bias added in the same pass.</summary>
        private string Residual(string name, string input, string residual, string prefix, long inputWidth)
        {
            string[] operands = [input, Matrix(prefix + ".dense.weight", _width, inputWidth)];
            var product = graph.Node("Gemm", operands, [name + ".product"], attributes: [("transB", 1L)]);
            return graph.Node("SkipLayerNormalization",
                [product, residual, .. Norm(prefix + ".LayerNorm"), Vector(prefix + ".dense.bias", _width)],
                [name], GraphWriter.Microsoft, ("epsilon", (float)config.NormEpsilon));
        }

        private string Dense(string input, string prefix, long inputWidth, long outputWidth) =>
            graph.Node("Gemm", [input, Matrix(prefix + ".weight", outputWidth, inputWidth), Vector(prefix + ".bias", outputWidth)],
                [prefix], attributes: [("transB", 1L)]);

        private (string, object) Epsilon => ("epsilon", (float)config.NormEpsilon);

        private string[] Norm(string prefix) => [Vector(prefix + ".weight", _width), Vector(prefix + ".bias", _width)];

        private string Matrix(string tensor, long rows, long columns) => graph.Weight(Single(weights.Find(tensor, rows, columns)));

        private string Vector(string tensor, long length) => graph.Weight(Single(weights.Find(tensor, length)));

        private TensorEntry Single(TensorEntry entry) => entry.DType == "F32"
            ? entry
            : throw new ModelWeightsException($"{weights.Path}: tensor \"{entry.Name}\" is {entry.DType}; "
                + "a scorer's weights must be F32: convert the file.");
    }
}
