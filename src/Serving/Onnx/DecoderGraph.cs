using Serving.Models;

namespace Serving.Onnx;

/// <summary>
/// Writes model.onnx of a policy folder from its config.json and model.safetensors: a Llama-family decoder over fused operators.
/// Inputs: input_ids[B,S], seqlens_k[B] (length of the row after this call, less one), total_sequence_length[1] (the longest of them),
/// logit_rows[R] (flattened positions that get logits), past_key_values.i.{key,value}[B,kv,T,hd]. Outputs: logits[R,V] and
/// present.i.{key,value}, meant to be bound to the memory of the past. On the CPU more than one token at once needs B = 1 when there is a past.
/// </summary>
public static class DecoderGraph
{
    /// <summary>Writes <paramref name="folder"/>/model.onnx.</summary>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than the config says.</exception>
    public static void Write(string folder)
    {
        var config = DecoderConfig.Read(folder);
        using var weights = SafetensorsFile.Open(Path.Combine(folder, ModelFiles.Weights));
        new DecoderGraphBuilder(config, weights).Build().Save(Path.Combine(folder, ModelFiles.Graph));
    }
}
