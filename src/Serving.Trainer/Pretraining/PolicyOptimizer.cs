using Serving.Trainer.Policy;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Pretraining;

/// <summary>What moves a policy's weights.</summary>
public enum PolicyOptimization
{
    /// <summary><see cref="Pretraining.Muon"/> for the matrices of the layers, AdamW for embeddings, norms and biases.</summary>
    Muon,

    /// <summary>AdamW for everything.</summary>
    AdamW,
}

/// <summary>A policy's optimiser: clipping, a step at a given learning rate, and its state for a checkpoint. Used from one thread.</summary>
internal sealed class PolicyOptimizer : IDisposable
{
    private const double ClipNorm = 1.0;

    private readonly PolicyModule _policy;
    private readonly Muon? _muon;
    private readonly AdamW _adam;

    public PolicyOptimizer(PolicyModule policy, PolicyOptimization kind, double weightDecay)
    {
        _policy = policy;
        var matrices = kind == PolicyOptimization.Muon ? Matrices(policy) : [];
        var byMuon = matrices.Select(matrix => matrix.Parameter.Handle).ToHashSet();
        _muon = matrices.Count > 0 ? new Muon(matrices, weightDecay) : null;
        _adam = optim.AdamW(policy.parameters().Where(parameter => !byMuon.Contains(parameter.Handle)), beta1: 0.9, beta2: 0.95, weight_decay: weightDecay);
    }

    /// <summary>One step along the clipped gradients, which are cleared. Gradients that are not numbers leave the weights as they are.</summary>
    public void Step(double rate)
    {
        if (double.IsFinite(nn.utils.clip_grad_norm_(_policy.parameters(), ClipNorm)))
        {
            foreach (var group in _adam.ParamGroups)
            {
                group.LearningRate = rate;
            }

            _adam.step();
            _muon?.Step(rate);
        }

        _policy.zero_grad();
    }

    public void Write(BinaryWriter writer)
    {
        _adam.save_state_dict(writer);
        _muon?.Write(writer);
    }

    /// <summary>Reads what <see cref="Write"/> wrote for a policy of the same shape.</summary>
    public void Read(BinaryReader reader)
    {
        _adam.load_state_dict(reader);
        _muon?.Read(reader);
    }

    public void Dispose()
    {
        _adam.Dispose();
        _muon?.Dispose();
    }

    private static List<PackedMatrix> Matrices(PolicyModule policy)
    {
        var config = policy.Config;
        long query = config.Heads * config.HeadDimension, key = config.KeyValueHeads * config.HeadDimension;
        return
        [
            .. policy.Layers.SelectMany(layer => (PackedMatrix[])
            [
                new(layer.QueryKeyValue, [query, key, key]),
                new(layer.Output, [config.HiddenSize]),
                new(layer.GateUp, [config.IntermediateSize, config.IntermediateSize]),
                new(layer.Down, [config.HiddenSize]),
            ]),
        ];
    }
}
