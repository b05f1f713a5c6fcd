using Serving.Models;

namespace Serving.Onnx;

/// <summary>Puts the weights of a checkpoint into a graph, as fp32 whatever their dtype is, and products with them.</summary>
internal sealed class WeightNodes(GraphWriter graph, Checkpoint checkpoint)
{
    /// <exception cref="ModelWeightsException">It is missing or has another shape.</exception>
    public TensorEntry Find(string name, params ReadOnlySpan<long> shape) => checkpoint.Find(name, shape);

    /// <summary>One tensor.</summary>
    public string Of(TensorEntry entry) => Widened(graph.Weight(entry), entry);

    /// <summary>One tensor, which must have this shape.</summary>
    public string Of(string name, params ReadOnlySpan<long> shape) => Of(Find(name, shape));

    /// <summary>Tensors that lie one after the other in one file, their rows stacked.</summary>
    public string Packed(string name, params TensorEntry[] entries) => Widened(graph.Packed(name, entries), entries[0]);

    /// <summary>
    /// output = input * weight^T + bias. Gemm, because it (unlike MatMul) takes torch's [out, in] weights as they lie in the file.
    /// </summary>
    public string Linear(string input, string weight, string? bias, string output) =>
        graph.Node("Gemm", bias is null ? [input, weight] : [input, weight, bias], [output], attributes: [("transB", 1L)]);

    /// <summary>A value of the tensor's dtype as fp32; of weights, ONNX Runtime does that once, when it loads the graph.</summary>
    public string Widened(string value, TensorEntry entry) =>
        entry.DType == "F32" ? value : graph.Node("Cast", [value], [$"{value}.float"], attributes: [("to", (long)ElementType.Float)]);
}
