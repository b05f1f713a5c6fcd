using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Writes model.onnx of a policy folder from its config.json and checkpoint: a decoder of any family over fused operators of ONNX Runtime.
/// Inputs: input_ids[B,S], seqlens_k[B] (length of the row after this call, less one), total_sequence_length[1] (the longest of them),
/// logit_rows[R] (flattened positions that get logits), past_key_values.i.{key,value}[B,kv,T,hd]. Outputs: logits[R,V] and
/// present.i.{key,value}, meant to be bound to the memory of the past. On the CPU more than one token at once needs B = 1 when there is a past.
/// The weights stay where and as they are; the computation is in fp32, whatever their dtype.
/// </summary>
public static class DecoderGraph
{
    /// <summary>Writes <paramref name="folder"/>/model.onnx.</summary>
    /// <exception cref="ModelConfigException">config.json is not of a supported policy, or its context is too long for a graph.</exception>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than the config says.</exception>
    /// <exception cref="ModelException">A file of the checkpoint is damaged.</exception>
    public static void Write(string folder)
    {
        var config = DecoderConfig.Read(folder);
        using var checkpoint = Checkpoint.Open(folder);
        new DecoderGraphBuilder(config, checkpoint).Build().Save(Path.Combine(folder, ModelFiles.Graph));
    }
}
