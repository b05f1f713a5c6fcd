using Serving.Models;
using Serving.Onnx;

namespace Serving.Trainer.Policy;

/// <summary>Moves weights between a policy folder's model.safetensors and a <see cref="PolicyModule"/>, bit for bit.</summary>
public static class PolicyWeights
{
    /// <summary>A module with the weights of a folder.</summary>
    /// <exception cref="ModelException">config.json or a tensor does not fit; the message names it.</exception>
    public static PolicyModule Load(string folder)
    {
        var config = DecoderConfig.Read(folder);
        var module = new PolicyModule(config);
        using var file = SafetensorsFile.Open(Path.Combine(folder, ModelFiles.Weights));
        Read(file, module);
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

    /// <summary>Writes the weights alone.</summary>
    public static void WriteTensors(PolicyModule module, string path) => TensorSlices.Write(path, Slices(module));

    /// <summary>Every tensor of the file, in its order, as a view of the packed parameter that holds it.</summary>
    private static IEnumerable<TensorSlice> Slices(PolicyModule module)
    {
        var config = module.Config;
        long q = config.Heads * config.HeadDimension, kv = config.KeyValueHeads * config.HeadDimension, ff = config.IntermediateSize;
        yield return new("model.embed_tokens.weight", module.Embedding.alias());
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = module.Layers[i];
            var prefix = $"model.layers.{i}.";
            yield return new(prefix + "input_layernorm.weight", layer.InputNorm.alias());
            yield return new(prefix + "self_attn.q_proj.weight", layer.QueryKeyValue.narrow(0, 0, q));
            yield return new(prefix + "self_attn.k_proj.weight", layer.QueryKeyValue.narrow(0, q, kv));
            yield return new(prefix + "self_attn.v_proj.weight", layer.QueryKeyValue.narrow(0, q + kv, kv));
            yield return new(prefix + "self_attn.o_proj.weight", layer.Output.alias());
            yield return new(prefix + "post_attention_layernorm.weight", layer.PostNorm.alias());
            yield return new(prefix + "mlp.gate_proj.weight", layer.GateUp.narrow(0, 0, ff));
            yield return new(prefix + "mlp.up_proj.weight", layer.GateUp.narrow(0, ff, ff));
            yield return new(prefix + "mlp.down_proj.weight", layer.Down.alias());
        }

        yield return new("model.norm.weight", module.Norm.alias());
        if (module.Head is { } head)
        {
            yield return new("lm_head.weight", head.alias());
        }
    }
}
