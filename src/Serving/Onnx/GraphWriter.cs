using System.Globalization;
using System.Runtime.InteropServices;
using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Builds one ONNX graph in memory and writes it as protobuf (field numbers of onnx.proto). Initialisers are external data that point into the
/// safetensors files beside the graph. Not thread-safe.
/// </summary>
public sealed class GraphWriter(string name)
{
    /// <summary>Domain of ONNX Runtime's own operators.</summary>
    public const string Microsoft = "com.microsoft";

    private const int IntermediateVersion = 10;      // the format that came with operator set 21
    private const int OperatorSet = 21;
    private const int MicrosoftOperatorSet = 1;

    private readonly List<Action<WireWriter>> _fields = [];
    private readonly HashSet<string> _names = [];

    /// <summary>A graph input; dimensions are numbers or symbolic names.</summary>
    public void Input(string name, ElementType type, params object[] dimensions)
    {
        Claim(name);
        _fields.Add(graph => graph.Message(11, info => ValueInfo(info, name, type, dimensions)));
    }

    public void Output(string name, ElementType type, params object[] dimensions) =>
        _fields.Add(graph => graph.Message(12, info => ValueInfo(info, name, type, dimensions)));

    /// <summary>
    /// An initialiser over the bytes of one tensor of the checkpoint (file, dtype and shape from the entry). Asking twice for a tensor gives the same one.
    /// </summary>
    public string Weight(TensorEntry entry)
    {
        if (_names.Add(entry.Name))
        {
            External(entry.Name, Type(entry), entry.Shape, entry.File, entry.Offset, entry.Length);
        }

        return entry.Name;
    }

    /// <summary>
    /// An initialiser whose values are handed to the session when it is made (SessionOptions.AddInitializer), under this name. ONNX Runtime still asks
    /// that <paramref name="file"/>, in which it would otherwise lie, exists.
    /// </summary>
    public string Supplied(string name, ElementType type, string file, params ReadOnlySpan<long> shape)
    {
        Claim(name);
        External(name, type, shape.ToArray(), file, 0, 0);
        return name;
    }

    /// <summary>Whether tensors lie one after the other in one file, in this order, so that <see cref="Packed"/> can join them.</summary>
    public static bool Adjacent(params ReadOnlySpan<TensorEntry> entries)
    {
        for (var i = 1; i < entries.Length; i++)
        {
            var (before, entry) = (entries[i - 1], entries[i]);
            if (entry.File != before.File || entry.Offset != before.Offset + before.Length || entry.DType != before.DType)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>One initialiser over tensors that lie one after the other in the file: their rows stacked.</summary>
    /// <exception cref="ArgumentException">They do not lie so, or differ in dtype or in a dimension after the first.</exception>
    public string Packed(string name, params TensorEntry[] entries)
    {
        if (!Adjacent(entries) || entries.Any(entry => !entry.Shape.Skip(1).SequenceEqual(entries[0].Shape.Skip(1))))
        {
            throw new ArgumentException($"{string.Join(", ", entries.Select(entry => entry.Name))} cannot be stacked: they are apart or differ in width.");
        }

        Claim(name);
        long[] shape = [entries.Sum(entry => entry.Shape[0]), .. entries[0].Shape.Skip(1)];
        External(name, Type(entries[0]), shape, entries[0].File, entries[0].Offset, entries.Sum(entry => entry.Length));
        return name;
    }

    /// <summary>Values stored in the graph file itself; no shape = a scalar.</summary>
    public string Constant(string name, ReadOnlySpan<float> values, params long[] shape) =>
        Inline(name, ElementType.Float, MemoryMarshal.AsBytes(values), values.Length, shape);

    public string Constant(string name, ReadOnlySpan<long> values, params long[] shape) =>
        Inline(name, ElementType.Int64, MemoryMarshal.AsBytes(values), values.Length, shape);

    public string Constant(string name, ReadOnlySpan<int> values, params long[] shape) =>
        Inline(name, ElementType.Int32, MemoryMarshal.AsBytes(values), values.Length, shape);

    public string Constant(string name, ReadOnlySpan<sbyte> values, params long[] shape) =>
        Inline(name, ElementType.Int8, MemoryMarshal.AsBytes(values), values.Length, shape);

    public string Constant(string name, ReadOnlySpan<byte> values, params long[] shape) =>
        Inline(name, ElementType.UInt8, values, values.Length, shape);

    /// <summary>Adds a node and returns its first output's name. Attribute values: long, float, string, long[], float[].</summary>
    public string Node(string op, string[] inputs, string[] outputs, string domain = "", params (string Name, object Value)[] attributes)
    {
        foreach (var output in outputs.Where(output => output.Length > 0))
        {
            Claim(output);
        }

        _fields.Add(graph => graph.Message(1, node =>
        {
            foreach (var input in inputs)
            {
                node.Text(1, input);
            }

            foreach (var output in outputs)
            {
                node.Text(2, output);
            }

            node.Text(3, outputs[0]);
            node.Text(4, op);
            foreach (var (key, value) in attributes)
            {
                node.Message(5, attribute => Attribute(attribute, key, value));
            }

            if (domain.Length > 0)
            {
                node.Text(7, domain);
            }
        }));
        return outputs[0];
    }

    /// <summary>Writes the model file.</summary>
    public void Save(string path) => File.WriteAllBytes(path, ToBytes());

    /// <summary>The model file's bytes.</summary>
    public byte[] ToBytes()
    {
        var model = new WireWriter();
        model.Integer(1, IntermediateVersion);
        model.Text(2, "Serving");
        model.Message(7, graph =>
        {
            graph.Text(2, name);
            foreach (var field in _fields)
            {
                field(graph);
            }
        });
        model.Message(8, set =>
        {
            set.Text(1, "");
            set.Integer(2, OperatorSet);
        });
        model.Message(8, set =>
        {
            set.Text(1, Microsoft);
            set.Integer(2, MicrosoftOperatorSet);
        });
        return model.Written.ToArray();
    }

    private void Claim(string name)
    {
        if (!_names.Add(name))
        {
            throw new ArgumentException($"Two values of the graph are called \"{name}\".");
        }
    }

    private void External(string name, ElementType type, IReadOnlyList<long> shape, string file, long offset, long length) =>
        _fields.Add(graph => graph.Message(5, tensor =>
        {
            Tensor(tensor, name, type, shape);
            Location(tensor, "location", file);
            Location(tensor, "offset", offset.ToString(CultureInfo.InvariantCulture));
            Location(tensor, "length", length.ToString(CultureInfo.InvariantCulture));
            tensor.Integer(14, 1);       // data_location = EXTERNAL
        }));

    private string Inline(string name, ElementType type, ReadOnlySpan<byte> bytes, int count, long[] shape)
    {
        if (shape.Aggregate(1L, (product, dimension) => product * dimension) != count)
        {
            throw new ArgumentException($"\"{name}\": {count} values do not fill [{string.Join(", ", shape)}].");
        }

        Claim(name);
        var raw = bytes.ToArray();
        _fields.Add(graph => graph.Message(5, tensor =>
        {
            Tensor(tensor, name, type, shape);
            tensor.Bytes(9, raw);
        }));
        return name;
    }

    private static void Tensor(WireWriter tensor, string name, ElementType type, IReadOnlyList<long> shape)
    {
        foreach (var dimension in shape)
        {
            tensor.Integer(1, dimension);
        }

        tensor.Integer(2, (long)type);
        tensor.Text(8, name);
    }

    private static void Location(WireWriter tensor, string key, string value) =>
        tensor.Message(13, entry =>
        {
            entry.Text(1, key);
            entry.Text(2, value);
        });

    private static void ValueInfo(WireWriter info, string name, ElementType type, object[] dimensions)
    {
        info.Text(1, name);
        info.Message(2, typeProto => typeProto.Message(1, tensor =>
        {
            tensor.Integer(1, (long)type);
            tensor.Message(2, shape =>
            {
                foreach (var dimension in dimensions)
                {
                    shape.Message(1, dim =>
                    {
                        if (dimension is string symbol)
                        {
                            dim.Text(2, symbol);
                        }
                        else
                        {
                            dim.Integer(1, Convert.ToInt64(dimension, CultureInfo.InvariantCulture));
                        }
                    });
                }
            });
        }));
    }

    private static void Attribute(WireWriter attribute, string name, object value)
    {
        attribute.Text(1, name);
        switch (value)
        {
            case float number:
                attribute.Number(2, number);
                attribute.Integer(20, 1);
                break;
            case long or int:
                attribute.Integer(3, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                attribute.Integer(20, 2);
                break;
            case string text:
                attribute.Text(4, text);
                attribute.Integer(20, 3);
                break;
            case float[] numbers:
                Array.ForEach(numbers, one => attribute.Number(7, one));
                attribute.Integer(20, 6);
                break;
            case long[] integers:
                Array.ForEach(integers, one => attribute.Integer(8, one));
                attribute.Integer(20, 7);
                break;
            default:
                throw new ArgumentException($"Attribute \"{name}\" is a {value.GetType().Name}; give long, float, string, long[] or float[].");
        }
    }

    private static ElementType Type(TensorEntry entry) => entry.DType switch
    {
        "F32" => ElementType.Float,
        "F16" => ElementType.Float16,
        "BF16" => ElementType.BFloat16,
        _ => throw new ModelWeightsException($"Tensor \"{entry.Name}\" is {entry.DType}; graphs take F32, F16 or BF16: convert the weights."),
    };
}
