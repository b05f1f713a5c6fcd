using System.Text;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Tokenization;

namespace Serving.Testing;

/// <summary>
/// Writes checkpoint folders as Hugging Face's tools lay them out: tensors sorted by name, the header as long as it happens to be, any of three dtypes,
/// in one file or in shards with an index. No graph and no manifest.
/// </summary>
public static class HubFolder
{
    /// <summary>Writes config.json, tokenizer.json, tokenizer_config.json and the weights.</summary>
    /// <returns>The weights as they stand in the files, rounded to the dtype.</returns>
    public static IReadOnlyList<NamedTensor> Write(string folder, DecoderConfig config, int seed = 1, string dtype = "F32", int shards = 1)
    {
        Directory.CreateDirectory(folder);
        config.Write(folder);
        BytePairTrainer.Train([TinyScorer.Corpus], config.VocabularySize, TinyScorer.Specials).Write(folder, TinyPolicy.ChatTemplate);
        return WriteWeights(folder, TinyPolicy.Weights(config, seed), dtype, shards);
    }

    /// <summary>Writes the weights alone, sorted by name.</summary>
    public static IReadOnlyList<NamedTensor> WriteWeights(string folder, IReadOnlyList<NamedTensor> weights, string dtype = "F32", int shards = 1) =>
        WriteInOrder(folder, [.. weights.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)], dtype, shards);

    /// <summary>Writes the weights alone, in their order.</summary>
    public static IReadOnlyList<NamedTensor> WriteInOrder(string folder, IReadOnlyList<NamedTensor> weights, string dtype = "F32", int shards = 1)
    {
        if (shards == 1)
        {
            WriteFile(Path.Combine(folder, ModelFiles.Weights), weights, dtype);
        }
        else
        {
            var map = new JsonObject();
            var shard = 0;
            foreach (var part in weights.Chunk((weights.Count + shards - 1) / shards))
            {
                var name = $"model-{++shard:d5}-of-{shards:d5}.safetensors";
                WriteFile(Path.Combine(folder, name), part, dtype);
                foreach (var tensor in part)
                {
                    map[tensor.Name] = name;
                }
            }

            File.WriteAllText(Path.Combine(folder, ModelFiles.WeightsIndex), new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map }.ToJsonString());
        }

        return [.. weights.Select(tensor => tensor with { Values = tensor.Values.ToArray().Select(value => Widen(Bits(value, dtype), dtype)).ToArray() })];
    }

    private static void WriteFile(string path, IEnumerable<NamedTensor> tensors, string dtype)
    {
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        using var data = new MemoryStream();
        foreach (var tensor in tensors)
        {
            var start = data.Length;
            foreach (var value in tensor.Values.Span)
            {
                var bits = Bits(value, dtype);
                data.Write(dtype == "F32" ? BitConverter.GetBytes(bits) : BitConverter.GetBytes((ushort)bits));
            }

            header[tensor.Name] = new JsonObject
            {
                ["dtype"] = dtype,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(dimension => (JsonNode)dimension)]),
                ["data_offsets"] = new JsonArray(start, data.Length),
            };
        }

        var text = Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. data.ToArray()]);
    }

    /// <summary>The value's bits in a dtype, to the nearest, ties to even.</summary>
    private static uint Bits(float value, string dtype)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return dtype switch
        {
            "F32" => bits,
            "F16" => BitConverter.HalfToUInt16Bits((Half)value),
            "BF16" => (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16,
            _ => throw new NotSupportedException(dtype),
        };
    }

    private static float Widen(uint bits, string dtype) => dtype switch
    {
        "F32" => BitConverter.UInt32BitsToSingle(bits),
        "F16" => (float)BitConverter.UInt16BitsToHalf((ushort)bits),
        _ => BitConverter.UInt32BitsToSingle(bits << 16),
    };
}
