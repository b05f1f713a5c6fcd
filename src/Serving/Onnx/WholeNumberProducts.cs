using Microsoft.ML.OnnxRuntime;

namespace Serving.Onnx;

/// <summary>
/// What 8-bit matrix products are exact on this machine. With VNNI instructions all are; older ones add pairs of products in 16 bits, which overflow
/// unless the weights stay below half their range.
/// </summary>
public static class WholeNumberProducts
{
    private const int Exact = 127;
    private const int Halved = 63;
    private const int Length = 64;

    private static readonly Lazy<int> _largestWeight = new(() => IsExact(Exact) ? Exact : Halved);

    /// <summary>Largest magnitude of a signed 8-bit weight that is multiplied exactly: 127, or 63 where that overflows.</summary>
    public static int LargestWeight => _largestWeight.Value;

    /// <summary>Multiplies the largest operands there are, once.</summary>
    private static bool IsExact(int weight)
    {
        var graph = new GraphWriter("check");
        graph.Input("a", ElementType.UInt8, "rows", Length);
        graph.Output("product", ElementType.Int32, "rows", 16);
        graph.Constant("weights", Enumerable.Repeat((sbyte)weight, Length * 16).ToArray(), Length, 16);
        graph.Node("MatMulInteger", ["a", "weights"], ["product"]);
        using var settings = new SessionOptions { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(graph.ToBytes(), settings);
        using var rows = OrtValue.CreateTensorValueFromMemory(Enumerable.Repeat((byte)255, 4 * Length).ToArray(), [4, Length]);
        using var run = new RunOptions();
        using var outputs = session.Run(run, ["a"], [rows], ["product"]);
        foreach (var value in outputs[0].GetTensorDataAsSpan<int>())
        {
            if (value != 255 * weight * Length)
            {
                return false;
            }
        }

        return true;
    }
}
