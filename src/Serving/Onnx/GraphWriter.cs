using Serving.Models;

namespace Serving.Onnx;

/// <summary>Element types of the ONNX subset that we write (TensorProto.DataType numbers).</summary>
public enum ElementType
{
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
}

/// <summary>
/// Builds one ONNX graph in memory and writes it as protobuf (field numbers of onnx.proto). Initialisers are external data that point into the
/// safetensors file beside the graph. Not thread-safe.
/// </summary>
public sealed class GraphWriter(string name)
{
    /// <summary>A graph input; dimensions are numbers or symbolic names.</summary>
    public void Input(string name, ElementType type, params object[] dimensions) => throw new NotImplementedException();

    public void Output(string name, ElementType type, params object[] dimensions) => throw new NotImplementedException();

    /// <summary>An initialiser over the bytes of one tensor of model.safetensors (dtype and shape from the entry).</summary>
    public string Weight(TensorEntry entry) => throw new NotImplementedException();

    /// <summary>One initialiser over tensors that lie one after the other in the file: their rows stacked.</summary>
    public string Packed(string name, params TensorEntry[] entries) => throw new NotImplementedException();

    public string Constant(string name, ReadOnlySpan<float> values, params long[] shape) => throw new NotImplementedException();

    public string Constant(string name, ReadOnlySpan<long> values, params long[] shape) => throw new NotImplementedException();

    /// <summary>Adds a node and returns its first output's name. Attribute values: long, float, string, long[], float[].</summary>
    public string Node(string op, string[] inputs, string[] outputs, string domain = "", params (string Name, object Value)[] attributes) =>
        throw new NotImplementedException();

    public void Save(string path) => throw new NotImplementedException();

    internal string Name => name;
}
