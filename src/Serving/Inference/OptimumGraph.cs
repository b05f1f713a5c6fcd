using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Serving.Models;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Sizes and types of a decoder graph in optimum's convention: those that it states, and config.json's where it leaves them open. A graph that does not
/// fit would write past the buffers that are bound to it, so everything is checked once, here. Immutable.
/// </summary>
internal sealed record OptimumGraph
{
    private const string Tokens = "input_ids";
    private const string Mask = "attention_mask";
    private const string Positions = "position_ids";
    private const string Logits = "logits";

    public required int Layers { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadDimension { get; init; }

    public required int VocabularySize { get; init; }

    public required int MaxPositions { get; init; }

    /// <summary>Of keys and values: Float or Float16.</summary>
    public required TensorElementType CacheType { get; init; }

    /// <summary>Float or Float16.</summary>
    public required TensorElementType LogitsType { get; init; }

    public required bool TakesPositions { get; init; }

    /// <summary>Name of the keys (even parts) or values (odd parts) of layer part / 2.</summary>
    public static string Past(int part) => $"past_key_values.{Part(part)}";

    public static string Present(int part) => $"present.{Part(part)}";

    public static bool Matches(OnnxModel model) =>
        model.Session.InputMetadata.ContainsKey(Mask) && model.Session.InputMetadata.ContainsKey(Past(0));

    /// <exception cref="ModelException">The graph is not of this kind, or not that of the config; the message names the input or output.</exception>
    public static OptimumGraph Read(OnnxModel model, DecoderConfig config)
    {
        var (inputs, outputs) = (model.Session.InputMetadata, model.Session.OutputMetadata);
        ModelException Error(string what) => new($"{model.Path}: {what}. Export the model again, or import its checkpoint so that our own graph is written.");

        var known = new HashSet<string>(Enumerable.Range(0, 2 * config.Layers).Select(Past)) { Tokens, Mask, Positions };
        if (inputs.Keys.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw Error($"the graph has an input \"{unknown}\" that a decoder of {config.Layers} layers in optimum's convention does not have");
        }

        NodeMetadata Get(IReadOnlyDictionary<string, NodeMetadata> nodes, string name, int rank, params TensorElementType[] types) =>
            !nodes.TryGetValue(name, out var node) ? throw Error($"the graph has no \"{name}\"")
            : !node.IsTensor || !types.Contains(node.ElementDataType) ? throw Error($"\"{name}\" is {node.ElementDataType}, not {string.Join(" or ", types)}")
            : node.Dimensions.Length != rank ? throw Error($"\"{name}\" has {node.Dimensions.Length} dimensions, not {rank}")
            : node;

        Get(inputs, Tokens, 2, TensorElementType.Int64);
        Get(inputs, Mask, 2, TensorElementType.Int64);
        if (inputs.ContainsKey(Positions))
        {
            Get(inputs, Positions, 2, TensorElementType.Int64);
        }

        var logits = Get(outputs, Logits, 3, TensorElementType.Float, TensorElementType.Float16);
        CheckSize(Logits, logits, 2, config.VocabularySize, "vocab_size");
        var cache = Get(inputs, Past(0), 4, TensorElementType.Float, TensorElementType.Float16).ElementDataType;
        for (var part = 0; part < 2 * config.Layers; part++)
        {
            foreach (var (nodes, name) in new[] { (inputs, Past(part)), (outputs, Present(part)) })
            {
                var node = Get(nodes, name, 4, cache);
                CheckSize(name, node, 0, 1, "one row at a time");
                CheckSize(name, node, 1, config.KeyValueHeads, "num_key_value_heads");
                CheckSize(name, node, 3, config.HeadDimension, "head_dim");
            }
        }

        return new OptimumGraph
        {
            Layers = config.Layers,
            KeyValueHeads = config.KeyValueHeads,
            HeadDimension = config.HeadDimension,
            VocabularySize = config.VocabularySize,
            MaxPositions = config.MaxPositions,
            CacheType = cache,
            LogitsType = logits.ElementDataType,
            TakesPositions = inputs.ContainsKey(Positions),
        };

        // A dimension that the graph leaves open is negative here, and config.json decides; ONNX Runtime checks it at the first run.
        void CheckSize(string name, NodeMetadata node, int axis, int expected, string field)
        {
            if (node.Dimensions[axis] >= 0 && node.Dimensions[axis] != expected)
            {
                throw Error($"dimension {axis} of \"{name}\" is {node.Dimensions[axis]}, but {ModelFiles.Config} beside it calls for {expected} ({field})");
            }
        }
    }

    private static string Part(int part) => $"{(part / 2).ToString(CultureInfo.InvariantCulture)}.{(part % 2 == 0 ? "key" : "value")}";
}
