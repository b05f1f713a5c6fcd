using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Serving.Kernels;
using Serving.Models;

namespace Serving.Inference;

/// <summary>
/// The weights of one policy in the form that the engine runs: matrices as session initialisers (fp32 where they lie in the checkpoint, if they can;
/// else copied, widened or quantised), vectors in native memory. Checks every tensor against the config. Owns the checkpoint and the copies.
/// </summary>
internal sealed unsafe class DecoderWeights : IDisposable
{
    private const int RowsAtATime = 64;      // of a matrix that is quantised

    private readonly Checkpoint _checkpoint;
    private readonly DecoderConfig _config;
    private readonly List<nint> _memory = [];
    private readonly List<OrtValue> _values = [];
    private readonly TensorEntry _embedding;
    private readonly TensorRows _embeddingRows;

    /// <exception cref="ModelException">A tensor is missing or has another shape than the config says, or a file is damaged.</exception>
    public DecoderWeights(string folder, DecoderConfig config, Precision precision)
    {
        _config = config;
        Precision = precision;
        _checkpoint = Checkpoint.Open(folder);
        try
        {
            _embedding = _checkpoint.Find("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
            _embeddingRows = _checkpoint.Rows(_embedding);
            int d = config.HiddenSize, queries = config.Heads * config.HeadDimension, keys = config.KeyValueHeads * config.HeadDimension;
            Norms = new nint[(2 * config.Layers) + 1];
            QueryKeyValueBiases = new nint[config.Layers];
            OutputBiases = new nint[config.Layers];
            QueryNorms = new nint[config.Layers];
            KeyNorms = new nint[config.Layers];
            for (var i = 0; i < config.Layers; i++)
            {
                var layer = $"model.layers.{i}.";
                var attention = layer + "self_attn.";
                Norms[2 * i] = Norm(layer + "input_layernorm.weight", d);
                Norms[(2 * i) + 1] = Norm(layer + "post_attention_layernorm.weight", d);
                Matrix(QueryKeyValue(i), d, (attention + "q_proj.weight", queries), (attention + "k_proj.weight", keys), (attention + "v_proj.weight", keys));
                Matrix(Output(i), queries, (attention + "o_proj.weight", d));
                Matrix(GateUp(i), d, (layer + "mlp.gate_proj.weight", config.IntermediateSize), (layer + "mlp.up_proj.weight", config.IntermediateSize));
                Matrix(Down(i), config.IntermediateSize, (layer + "mlp.down_proj.weight", d));
                QueryKeyValueBiases[i] = config.AttentionBias
                    ? Vector(0, (attention + "q_proj.bias", queries), (attention + "k_proj.bias", keys), (attention + "v_proj.bias", keys))
                    : 0;
                OutputBiases[i] = config.OutputBias ? Vector(0, (attention + "o_proj.bias", d)) : 0;
                QueryNorms[i] = config.QueryKeyNorm ? Norm(attention + "q_norm.weight", config.HeadDimension) : 0;
                KeyNorms[i] = config.QueryKeyNorm ? Norm(attention + "k_norm.weight", config.HeadDimension) : 0;
            }

            Norms[^1] = Norm("model.norm.weight", d);
            Matrix(Head, d, (config.TieEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", config.VocabularySize));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Name of the output projection.</summary>
    public const string Head = "head";

    public Precision Precision { get; }

    /// <summary>Session initialisers by name: fp32 [out, in], or int8 [in, out].</summary>
    public Dictionary<string, OrtValue> Matrices { get; } = [];

    /// <summary>Scale of every output of a quantised matrix, [out], by the matrix' name.</summary>
    public Dictionary<string, nint> ColumnScales { get; } = [];

    /// <summary>Scales of the norms in the order of their use, [d]: two per layer and the last one.</summary>
    public nint[] Norms { get; } = [];

    /// <summary>[q + k + v] per layer; 0 = none.</summary>
    public nint[] QueryKeyValueBiases { get; } = [];

    /// <summary>[d] per layer; 0 = none.</summary>
    public nint[] OutputBiases { get; } = [];

    /// <summary>[hd] per layer; 0 = none.</summary>
    public nint[] QueryNorms { get; } = [];

    /// <summary>[hd] per layer; 0 = none.</summary>
    public nint[] KeyNorms { get; } = [];

    public string Folder => _checkpoint.Folder;

    /// <summary>A file of the checkpoint, beside which the graph belongs.</summary>
    public string AnyFile => _embedding.File;

    /// <summary>Name of a layer's packed projection to queries, keys and values.</summary>
    public static string QueryKeyValue(int layer) => $"layers.{layer}.qkv";

    /// <summary>Name of a layer's attention output projection.</summary>
    public static string Output(int layer) => $"layers.{layer}.o";

    /// <summary>Name of a layer's packed gate and up projection.</summary>
    public static string GateUp(int layer) => $"layers.{layer}.gate_up";

    /// <summary>Name of a layer's down projection.</summary>
    public static string Down(int layer) => $"layers.{layer}.down";

    /// <summary>Writes a token's embedding, [d], straight from the checkpoint.</summary>
    public void Embed(int token, float* target)
    {
        var d = _config.HiddenSize;
        _embeddingRows.Read(token, new Span<float>(target, d));
        if (_config.EmbeddingScale != 1)
        {
            RowMath.Scale(target, (float)_config.EmbeddingScale, target, d);
        }
    }

    public void Dispose()
    {
        _values.ForEach(value => value.Dispose());
        _memory.ForEach(memory => NativeMemory.AlignedFree((void*)memory));
        _memory.Clear();
        _checkpoint.Dispose();
    }

    private nint Norm(string name, int width) => Vector(_config.UnitOffsetNorm ? 1 : 0, (name, width));

    private nint Vector(float offset, params (string Name, int Width)[] parts)
    {
        var target = (float*)Allocate((long)parts.Sum(part => part.Width) * sizeof(float));
        var values = new Span<float>(target, parts.Sum(part => part.Width));
        Read(parts.Select(part => _checkpoint.Find(part.Name, part.Width)), values);
        System.Numerics.Tensors.TensorPrimitives.Add(values, offset, values);
        return (nint)target;
    }

    private void Read(IEnumerable<TensorEntry> entries, Span<float> values)
    {
        foreach (var entry in entries)
        {
            _checkpoint.ReadFloats(entry, values[..(int)entry.Count]);
            values = values[(int)entry.Count..];
        }
    }

    /// <summary>One matrix of the outputs of several tensors, all with the same inputs.</summary>
    private void Matrix(string name, int inputs, params (string Name, int Outputs)[] parts)
    {
        TensorEntry[] entries = [.. parts.Select(part => _checkpoint.Find(part.Name, part.Outputs, inputs))];
        var outputs = parts.Sum(part => part.Outputs);
        if (Precision == Precision.Int8)
        {
            Quantize(name, inputs, outputs, entries);
            return;
        }

        var bytes = (long)outputs * inputs * sizeof(float);
        nint memory;
        if (Onnx.GraphWriter.Adjacent(entries) && entries[0].DType == "F32" && _checkpoint.Address(entries[0]) % sizeof(float) == 0)
        {
            memory = _checkpoint.Address(entries[0]);
        }
        else
        {
            memory = Allocate(bytes);
            var next = (float*)memory;
            foreach (var entry in entries)
            {
                _checkpoint.ReadFloats(entry, new Span<float>(next, checked((int)entry.Count)));
                next += entry.Count;
            }
        }

        Matrices[name] = Own(OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, TensorElementType.Float, [outputs, inputs], memory, bytes));
    }

    private void Quantize(string name, int inputs, int outputs, TensorEntry[] entries)
    {
        var levels = (sbyte*)Allocate((long)inputs * outputs);
        var scales = (float*)Allocate((long)outputs * sizeof(float));
        var values = new float[RowsAtATime * inputs];
        var column = 0;
        foreach (var entry in entries)
        {
            var rows = _checkpoint.Rows(entry);
            for (var first = 0; first < entry.Shape[0]; first += RowsAtATime)
            {
                var count = (int)Math.Min(RowsAtATime, entry.Shape[0] - first);
                for (var row = 0; row < count; row++)
                {
                    rows.Read(first + row, values.AsSpan(row * inputs, inputs));
                }

                WeightQuantizer.Quantize(values, count, inputs, Onnx.WholeNumberProducts.LargestWeight, levels, outputs, column, new Span<float>(scales + column, count));
                column += count;
            }

            _checkpoint.Release(entry);
        }

        ColumnScales[name] = (nint)scales;
        Matrices[name] = Own(OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance, TensorElementType.Int8, [inputs, outputs], (nint)levels, (long)inputs * outputs));
    }

    private OrtValue Own(OrtValue value)
    {
        _values.Add(value);
        return value;
    }

    private nint Allocate(long bytes)
    {
        var memory = (nint)NativeMemory.AlignedAlloc((nuint)bytes + 64, 64);
        _memory.Add(memory);
        return memory;
    }
}
