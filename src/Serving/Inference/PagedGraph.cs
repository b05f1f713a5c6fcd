using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// The graph of one engine step: matrix products by ONNX Runtime, everything between them by <see cref="DecoderOperators"/>, which keep the tokens, the
/// residual stream and the keys and values. So the graph has no inputs but a signal to begin, and every tensor in it has a row per token.
/// </summary>
internal static class PagedGraph
{
    public const string Input = "begin";
    public const string Output = "done";

    public static byte[] Build(DecoderConfig config, DecoderWeights weights)
    {
        var graph = new Builder(config, weights);
        return graph.Build();
    }

    private sealed class Builder(DecoderConfig config, DecoderWeights weights)
    {
        private readonly GraphWriter _graph = new("step");
        private readonly bool _quantized = weights.Precision == Precision.Int8;
        private int _nodes;

        public byte[] Build()
        {
            _graph.Input(Input, ElementType.Int64, 1);
            _graph.Output(Output, ElementType.Int64, 1);
            if (_quantized)
            {
                _graph.Constant("zero", (ReadOnlySpan<byte>)[128]);
            }

            int d = config.HiddenSize, queries = config.Heads * config.HeadDimension, keys = config.KeyValueHeads * config.HeadDimension;
            var rows = Operator(DecoderOperators.Begin, 0, [Input]);
            for (var i = 0; i < config.Layers; i++)
            {
                rows = Operator(DecoderOperators.Attend, i, Product(rows, DecoderWeights.QueryKeyValue(i), d, queries + (2 * keys)));
                rows = Operator(DecoderOperators.AddNorm, 2 * i, Product(rows, DecoderWeights.Output(i), queries, d));
                rows = Operator(DecoderOperators.Gate, i, Product(rows, DecoderWeights.GateUp(i), d, 2 * config.IntermediateSize));
                rows = Product(rows, DecoderWeights.Down(i), config.IntermediateSize, d);
                rows = Operator(i == config.Layers - 1 ? DecoderOperators.Last : DecoderOperators.AddNorm, (2 * i) + 1, rows);
            }

            _graph.Node(DecoderOperators.Logits, Product(rows, DecoderWeights.Head, d, config.VocabularySize), [Output], OperatorDomain.Name);
            return _graph.ToBytes();
        }

        /// <summary>Activations: fp32 rows, or 8 bits and a scale per row.</summary>
        private string[] Operator(string name, int layer, string[] inputs)
        {
            string[] outputs = _quantized ? [$"{name}.{layer}.levels", $"{name}.{layer}.scales"] : [$"{name}.{layer}"];
            _graph.Node(name, inputs, outputs, OperatorDomain.Name, ("layer", (long)layer));
            return outputs;
        }

        /// <summary>The product, and the row scales of its operand when there are any.</summary>
        private string[] Product(string[] rows, string weight, int inputs, int outputs)
        {
            var output = $"{weight}.product.{_nodes++}";
            if (_quantized)
            {
                _graph.Supplied(weight, ElementType.Int8, weights.AnyFile, inputs, outputs);
                _graph.Node("MatMulInteger", [rows[0], weight, "zero"], [output]);
                return [output, rows[1]];
            }

            _graph.Supplied(weight, ElementType.Float, weights.AnyFile, outputs, inputs);
            _graph.Node("Gemm", [rows[0], weight], [output], attributes: [("transB", 1L)]);
            return [output];
        }
    }
}
