using Serving.Models;

namespace Serving.Onnx;

/// <summary>Writes model.onnx of a scorer folder from its config.json and model.safetensors: input_ids, attention_mask, token_type_ids to logits.</summary>
public static class EncoderGraph
{
    /// <summary>Writes <paramref name="folder"/>/model.onnx.</summary>
    /// <exception cref="ModelWeightsException">A tensor is missing or has another shape than the config says.</exception>
    public static void Write(string folder) => throw new NotImplementedException();
}
