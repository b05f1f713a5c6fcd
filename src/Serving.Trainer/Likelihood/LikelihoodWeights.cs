using Serving.Models;
using Serving.Onnx;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Likelihood;

/// <summary>Moves weights between a scorer folder's model.safetensors and a <see cref="LikelihoodModule"/>, bit for bit.</summary>
public static class LikelihoodWeights
{
    /// <summary>A module with the weights of a folder.</summary>
    /// <exception cref="ModelException">config.json or a tensor does not fit; the message names it.</exception>
    public static LikelihoodModule Load(string folder)
    {
        var config = LikelihoodConfig.Read(folder);
        var module = new LikelihoodModule(config, new PolicyModule(config.Decoder));
        using var checkpoint = Checkpoint.Open(folder);
        TensorSlices.Read(checkpoint, Slices(module));
        return module;
    }

    /// <summary>Overwrites the parameters of a module with the tensors of a file.</summary>
    public static void Read(SafetensorsFile file, LikelihoodModule module) => TensorSlices.Read(file, Slices(module));

    /// <summary>Writes config.json, model.safetensors and the graph that points into it.</summary>
    public static void Write(LikelihoodModule module, string folder)
    {
        module.Config.Write(folder);
        WriteTensors(module, Path.Combine(folder, ModelFiles.Weights));
        LikelihoodGraph.Write(folder);
    }

    /// <summary>Writes the weights alone.</summary>
    public static void WriteTensors(LikelihoodModule module, string path) => TensorSlices.Write(path, Slices(module));

    /// <summary>Every tensor of the file, in its order: the policy's, then the head's.</summary>
    private static IEnumerable<TensorSlice> Slices(LikelihoodModule module) =>
    [
        .. PolicyWeights.Slices(module.Policy),
        new(LikelihoodTensors.Token + ".weight", module.TokenWeight.alias()),
        new(LikelihoodTensors.Token + ".bias", module.TokenBias.alias()),
        new(LikelihoodTensors.Answer + ".weight", module.AnswerWeight.alias()),
        new(LikelihoodTensors.Answer + ".bias", module.AnswerBias.alias()),
        new(LikelihoodTensors.Label + ".weight", module.LabelWeight.alias()),
        new(LikelihoodTensors.Label + ".bias", module.LabelBias.alias()),
    ];
}
