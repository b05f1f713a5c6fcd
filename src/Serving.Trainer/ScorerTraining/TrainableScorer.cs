using Serving.Scoring;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>A scorer network as training and evaluation see it: groups in, logits out. Used from one thread.</summary>
internal abstract class TrainableScorer : IDisposable
{
    /// <summary>Lays pairs out as the served model will get them.</summary>
    public abstract PairEncoder Encoder { get; }

    /// <summary>Every parameter, with the factor that its learning rate is multiplied by.</summary>
    public abstract IEnumerable<(Parameter Parameter, double RateFactor)> Parameters { get; }

    /// <summary>What the logits come from: weight [labels, n] and bias [labels].</summary>
    public abstract (Parameter Weight, Parameter Bias) LastLayer { get; }

    /// <summary>Logits of every answer of every group, in order: [sum of K, labels] fp32.</summary>
    /// <param name="groups">Their descriptions and answers.</param>
    /// <param name="training">Apply dropout.</param>
    public abstract Tensor Logits(IReadOnlyList<ScorerGroup> groups, bool training);

    /// <summary>A loss beside the scorer's own on the same groups, in nats; null where there is none.</summary>
    /// <param name="groups">Their descriptions and answers.</param>
    /// <param name="random">Decides what is hidden.</param>
    public virtual Tensor? AuxiliaryLoss(IReadOnlyList<ScorerGroup> groups, Random random) => null;

    /// <summary>Writes a model folder's config.json, model.safetensors and model.onnx.</summary>
    public abstract void Write(string folder);

    /// <summary>Writes the weights alone.</summary>
    public abstract void WriteWeights(string path);

    /// <summary>Reads what <see cref="WriteWeights"/> wrote.</summary>
    public abstract void ReadWeights(string path);

    public abstract void Dispose();
}
