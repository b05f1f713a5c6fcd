using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Policy;

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
    public static void Read(SafetensorsFile file, EncoderModule module) => TensorSlices.Read(file, Slices(module));

    /// <summary>Writes config.json, model.safetensors and the graph that points into it.</summary>
    public static void Write(EncoderModule module, string folder)
    {
        module.Config.Write(folder);
        WriteTensors(module, Path.Combine(folder, ModelFiles.Weights));
        EncoderGraph.Write(folder);
    }

    /// <summary>Writes the weights alone.</summary>
    public static void WriteTensors(EncoderModule module, string path) => TensorSlices.Write(path, Slices(module));

    /// <summary>Every tensor of the file, in its order, as a view of the packed parameter that holds it.</summary>
    private static IEnumerable<TensorSlice> Slices(EncoderModule module)
    {
        var d = module.Config.HiddenSize;
        yield return new("bert.embeddings.word_embeddings.weight", module.Words.alias());
        yield return new("bert.embeddings.position_embeddings.weight", module.Positions.alias());
        yield return new("bert.embeddings.token_type_embeddings.weight", module.Types.alias());
        yield return new("bert.embeddings.LayerNorm.weight", module.NormWeight.alias());
        yield return new("bert.embeddings.LayerNorm.bias", module.NormBias.alias());
        for (var i = 0; i < module.Config.Layers; i++)
        {
            var layer = module.Layers[i];
            var prefix = $"bert.encoder.layer.{i}.";
            string[] parts = ["query", "key", "value"];
            for (var p = 0; p < parts.Length; p++)
            {
                yield return new($"{prefix}attention.self.{parts[p]}.weight", layer.QueryKeyValue.narrow(0, p * d, d));
            }

            for (var p = 0; p < parts.Length; p++)
            {
                yield return new($"{prefix}attention.self.{parts[p]}.bias", layer.QueryKeyValueBias.narrow(0, p * d, d));
            }

            yield return new(prefix + "attention.output.dense.weight", layer.Output.alias());
            yield return new(prefix + "attention.output.dense.bias", layer.OutputBias.alias());
            yield return new(prefix + "attention.output.LayerNorm.weight", layer.AttentionNorm.alias());
            yield return new(prefix + "attention.output.LayerNorm.bias", layer.AttentionNormBias.alias());
            yield return new(prefix + "intermediate.dense.weight", layer.Up.alias());
            yield return new(prefix + "intermediate.dense.bias", layer.UpBias.alias());
            yield return new(prefix + "output.dense.weight", layer.Down.alias());
            yield return new(prefix + "output.dense.bias", layer.DownBias.alias());
            yield return new(prefix + "output.LayerNorm.weight", layer.FinalNorm.alias());
            yield return new(prefix + "output.LayerNorm.bias", layer.FinalNormBias.alias());
        }

        yield return new("bert.pooler.dense.weight", module.PoolerWeight.alias());
        yield return new("bert.pooler.dense.bias", module.PoolerBias.alias());
        yield return new("classifier.weight", module.ClassifierWeight.alias());
        yield return new("classifier.bias", module.ClassifierBias.alias());
    }
}
