using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Encoder;

/// <summary>Moves weights between a scorer folder's model.safetensors and an <see cref="EncoderModule"/>, bit for bit.</summary>
public static class EncoderWeights
{
    /// <summary>A module with the weights of a folder.</summary>
    /// <exception cref="ModelException">config.json or a tensor does not fit; the message names it.</exception>
    public static EncoderModule Load(string folder)
    {
        var module = new EncoderModule(EncoderConfig.Read(folder));
        using var file = SafetensorsFile.Open(Path.Combine(folder, ModelFiles.Weights));
        Read(file, module);
        return module;
    }

    /// <summary>Overwrites the parameters of a module with the tensors of a file.</summary>
    public static void Read(SafetensorsFile file, EncoderModule module)
    {
        using var quiet = no_grad();
        foreach (var (name, slice) in Slices(module))
        {
            file.Find(name, slice.shape);
            using var values = tensor(file.ReadFloats(name), slice.shape);
            slice.copy_(values);
            slice.Dispose();
        }
    }

    /// <summary>Writes config.json, model.safetensors and the graph that points into it.</summary>
    public static void Write(EncoderModule module, string folder)
    {
        module.Config.Write(folder);
        WriteTensors(module, Path.Combine(folder, ModelFiles.Weights));
        EncoderGraph.Write(folder);
    }

    /// <summary>Writes the weights alone.</summary>
    public static void WriteTensors(EncoderModule module, string path)
    {
        using var quiet = no_grad();
        var tensors = new List<NamedTensor>();
        foreach (var (name, slice) in Slices(module))
        {
            tensors.Add(new NamedTensor(name, slice.shape, slice.ToFloats()));
            slice.Dispose();
        }

        SafetensorsWriter.Write(path, tensors);
    }

    /// <summary>Every tensor of the file, in its order, as a view of the packed parameter that holds it.</summary>
    private static IEnumerable<(string Name, Tensor Slice)> Slices(EncoderModule module)
    {
        var d = module.Config.HiddenSize;
        yield return ("bert.embeddings.word_embeddings.weight", module.Words.alias());
        yield return ("bert.embeddings.position_embeddings.weight", module.Positions.alias());
        yield return ("bert.embeddings.token_type_embeddings.weight", module.Types.alias());
        yield return ("bert.embeddings.LayerNorm.weight", module.NormWeight.alias());
        yield return ("bert.embeddings.LayerNorm.bias", module.NormBias.alias());
        for (var i = 0; i < module.Config.Layers; i++)
        {
            var layer = module.Layers[i];
            var prefix = $"bert.encoder.layer.{i}.";
            string[] parts = ["query", "key", "value"];
            for (var p = 0; p < parts.Length; p++)
            {
                yield return ($"{prefix}attention.self.{parts[p]}.weight", layer.QueryKeyValue.narrow(0, p * d, d));
            }

            for (var p = 0; p < parts.Length; p++)
            {
                yield return ($"{prefix}attention.self.{parts[p]}.bias", layer.QueryKeyValueBias.narrow(0, p * d, d));
            }

            yield return (prefix + "attention.output.dense.weight", layer.Output.alias());
            yield return (prefix + "attention.output.dense.bias", layer.OutputBias.alias());
            yield return (prefix + "attention.output.LayerNorm.weight", layer.AttentionNorm.alias());
            yield return (prefix + "attention.output.LayerNorm.bias", layer.AttentionNormBias.alias());
            yield return (prefix + "intermediate.dense.weight", layer.Up.alias());
            yield return (prefix + "intermediate.dense.bias", layer.UpBias.alias());
            yield return (prefix + "output.dense.weight", layer.Down.alias());
            yield return (prefix + "output.dense.bias", layer.DownBias.alias());
            yield return (prefix + "output.LayerNorm.weight", layer.FinalNorm.alias());
            yield return (prefix + "output.LayerNorm.bias", layer.FinalNormBias.alias());
        }

        yield return ("bert.pooler.dense.weight", module.PoolerWeight.alias());
        yield return ("bert.pooler.dense.bias", module.PoolerBias.alias());
        yield return ("classifier.weight", module.ClassifierWeight.alias());
        yield return ("classifier.bias", module.ClassifierBias.alias());
    }
}
