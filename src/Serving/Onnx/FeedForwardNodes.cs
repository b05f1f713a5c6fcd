using Serving.Models;

namespace Serving.Onnx;

/// <summary>The feed-forward blocks of a decoder graph: down(activation(gate(x)) * up(x)), [B*S, d] to [B*S, d].</summary>
internal sealed class FeedForwardNodes(GraphWriter graph, WeightNodes weights, DecoderConfig config)
{
    /// <summary>The block of the layer whose tensors begin with <paramref name="layer"/>.</summary>
    public string Block(string layer, string input)
    {
        var prefix = $"{layer}.mlp";
        var gate = weights.Find($"{prefix}.gate_proj.weight", config.IntermediateSize, config.HiddenSize);
        var up = weights.Find($"{prefix}.up_proj.weight", config.IntermediateSize, config.HiddenSize);
        if (GraphWriter.Adjacent(gate, up))
        {
            var both = weights.Linear(input, weights.Packed($"{prefix}.gate_up.weight", gate, up), null, $"{prefix}.gate_up");
            graph.Node("Split", [both], [$"{prefix}.gate_proj", $"{prefix}.up_proj"], attributes: [("axis", 1L), ("num_outputs", 2L)]);
        }
        else
        {
            weights.Linear(input, weights.Of(gate), null, $"{prefix}.gate_proj");
            weights.Linear(input, weights.Of(up), null, $"{prefix}.up_proj");
        }

        var gated = graph.Node("Mul", [Activated(prefix), $"{prefix}.up_proj"], [$"{prefix}.gated"]);
        return weights.Linear(gated, weights.Of($"{prefix}.down_proj.weight", config.HiddenSize, config.IntermediateSize), null, $"{prefix}.down_proj");
    }

    private string Activated(string prefix)
    {
        var gate = $"{prefix}.gate_proj";
        return config.Activation switch
        {
            // SiLU(x) = x * sigmoid(x) = QuickGelu with alpha 1.
            Activation.Silu => graph.Node("QuickGelu", [gate], [$"{prefix}.silu"], GraphWriter.Microsoft, ("alpha", 1f)),
            Activation.GeluTanh => graph.Node("Gelu", [gate], [$"{prefix}.gelu"], attributes: [("approximate", "tanh")]),
            _ => graph.Node("Gelu", [gate], [$"{prefix}.gelu"], attributes: [("approximate", "none")]),
        };
    }
}
