using Serving.Models;
using Serving.Onnx;
using TorchSharp;
using static TorchSharp.torch;

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
    public static void Read(SafetensorsFile file, PolicyModule module)
    {
        using var quiet = no_grad();
        foreach (var (name, shape, slice) in Slices(module))
        {
            file.Find(name, shape);
            using var values = tensor(file.ReadFloats(name), shape);
            slice.copy_(values);
            slice.Dispose();
        }
    }

    /// <summary>Writes config.json, model.safetensors and the graph that points into it.</summary>
    public static void Write(PolicyModule module, string folder)
    {
        module.Config.Write(folder);
        WriteTensors(module, Path.Combine(folder, ModelFiles.Weights));
        DecoderGraph.Write(folder);
    }

    /// <summary>Writes the weights alone.</summary>
    public static void WriteTensors(PolicyModule module, string path)
    {
        using var quiet = no_grad();
        var tensors = new List<NamedTensor>();
        foreach (var (name, shape, slice) in Slices(module))
        {
            tensors.Add(new NamedTensor(name, shape, slice.ToFloats()));
            slice.Dispose();
        }

        SafetensorsWriter.Write(path, tensors);
    }

    /// <summary>Every tensor of the file, in its order, as a view of the packed parameter that holds it.</summary>
    private static IEnumerable<(string Name, long[] Shape, Tensor Slice)> Slices(PolicyModule module)
    {
        var config = module.Config;
        long d = config.HiddenSize, q = config.Heads * config.HeadDimension, kv = config.KeyValueHeads * config.HeadDimension, ff = config.IntermediateSize;
        yield return ("model.embed_tokens.weight", [config.VocabularySize, d], module.Embedding.alias());
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = module.Layers[i];
            var prefix = $"model.layers.{i}.";
            yield return (prefix + "input_layernorm.weight", [d], layer.InputNorm.alias());
            yield return (prefix + "self_attn.q_proj.weight", [q, d], layer.QueryKeyValue.narrow(0, 0, q));
            yield return (prefix + "self_attn.k_proj.weight", [kv, d], layer.QueryKeyValue.narrow(0, q, kv));
            yield return (prefix + "self_attn.v_proj.weight", [kv, d], layer.QueryKeyValue.narrow(0, q + kv, kv));
            yield return (prefix + "self_attn.o_proj.weight", [d, q], layer.Output.alias());
            yield return (prefix + "post_attention_layernorm.weight", [d], layer.PostNorm.alias());
            yield return (prefix + "mlp.gate_proj.weight", [ff, d], layer.GateUp.narrow(0, 0, ff));
            yield return (prefix + "mlp.up_proj.weight", [ff, d], layer.GateUp.narrow(0, ff, ff));
            yield return (prefix + "mlp.down_proj.weight", [d, ff], layer.Down.alias());
        }

        yield return ("model.norm.weight", [d], module.Norm.alias());
        if (module.Head is { } head)
        {
            yield return ("lm_head.weight", [config.VocabularySize, d], head.alias());
        }
    }
}
