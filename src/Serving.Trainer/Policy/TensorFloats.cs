using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>Copies a tensor's values out, row-major.</summary>
internal static class TensorFloats
{
    public static float[] ToFloats(this Tensor tensor)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var flat = tensor.detach().cpu().to(ScalarType.Float32).contiguous();
        return MemoryMarshal.Cast<byte, float>(flat.bytes).ToArray();
    }
}
