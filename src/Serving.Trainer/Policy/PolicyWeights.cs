using System.Globalization;
using Serving.Models;
using Serving.Onnx;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>
/// Moves weights between a policy folder and a <see cref="PolicyModule"/>, bit for bit. Read from one file or from shards, F16 and BF16 widened exactly;
/// written as one fp32 model.safetensors.
/// </summary>
public static class PolicyWeights
{
    /// <summary>A module with the weights of a folder.</summary>
    /// <exception cref="ModelException">config.json or a tensor does not fit; the message names it.</exception>
    public static PolicyModule Load(string folder)
    {
        var config = DecoderConfig.Read(folder);
        var module = new PolicyModule(config);
        using var checkpoint = Checkpoint.Open(folder);
        TensorSlices.Read(checkpoint, Slices(module));
        return module;
    }

    /// <summary>Overwrites the parameters of a module with the tensors of a file.</summary>
    public static void Read(SafetensorsFile file, PolicyModule module) => TensorSlices.Read(file, Slices(module));

    /// <summary>Writes config.json, model.safetensors and the graph that points into it.</summary>
    public static void Write(PolicyModule module, string folder)
    {
        module.Config.Write(folder);
        WriteTensors(module, Path.Combine(folder, ModelFiles.Weights));
        DecoderGraph.Write(folder);
    }

    /// <summary>Writes the weights alone, LoRA merged into them.</summary>
    public static void WriteTensors(PolicyModule module, string path)
    {
        if (module.Adapted)
        {
            using var merged = module.Merged();
            TensorSlices.Write(path, Slices(merged));
        }
        else
        {
            TensorSlices.Write(path, Slices(module));
        }
    }

    /// <summary>Every tensor of the file, in the order of <see cref="DecoderTensors"/>, as a view of the packed parameter that holds it.</summary>
    internal static IEnumerable<TensorSlice> Slices(PolicyModule module)
    {
        var config = module.Config;
        long q = config.Heads * config.HeadDimension, kv = config.KeyValueHeads * config.HeadDimension, ff = config.IntermediateSize;
        return DecoderTensors.Of(config).Select(required => new TensorSlice(required.Name, View(required.Name)));

        Tensor View(string name)
        {
            switch (name)
            {
                case "model.embed_tokens.weight":
                    return module.Embedding.alias();
                case "model.norm.weight":
                    return module.Norm.alias();
                case "lm_head.weight":
                    return module.Head!.alias();
                default:
                    var parts = name.Split('.', 4);                                     // model, layers, i, the rest
                    return ViewOf(module.Layers[int.Parse(parts[2], CultureInfo.InvariantCulture)], parts[3]);
            }
        }

        Tensor ViewOf(DecoderLayer layer, string part) => part switch
        {
            "input_layernorm.weight" => layer.InputNorm.alias(),
            "self_attn.q_proj.weight" => layer.QueryKeyValue.narrow(0, 0, q),
            "self_attn.k_proj.weight" => layer.QueryKeyValue.narrow(0, q, kv),
            "self_attn.v_proj.weight" => layer.QueryKeyValue.narrow(0, q + kv, kv),
            "self_attn.q_proj.bias" => layer.QueryKeyValueBias!.narrow(0, 0, q),
            "self_attn.k_proj.bias" => layer.QueryKeyValueBias!.narrow(0, q, kv),
            "self_attn.v_proj.bias" => layer.QueryKeyValueBias!.narrow(0, q + kv, kv),
            "self_attn.q_norm.weight" => layer.QueryNorm!.alias(),
            "self_attn.k_norm.weight" => layer.KeyNorm!.alias(),
            "self_attn.o_proj.weight" => layer.Output.alias(),
            "self_attn.o_proj.bias" => layer.OutputBias!.alias(),
            "post_attention_layernorm.weight" => layer.PostNorm.alias(),
            "mlp.gate_proj.weight" => layer.GateUp.narrow(0, 0, ff),
            "mlp.up_proj.weight" => layer.GateUp.narrow(0, ff, ff),
            "mlp.down_proj.weight" => layer.Down.alias(),
            _ => throw new NotSupportedException($"The trainer has no parameter for a layer's {part}."),
        };
    }
}
