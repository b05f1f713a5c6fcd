using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Onnx;

/// <summary>Bound from the section "Onnx" and checked once, at start-up.</summary>
public sealed class OnnxOptions
{
    public const string Section = "Onnx";

    /// <summary>Threads within one operator; 0 = every core (one for small policies in 8 bits).</summary>
    [Range(0, 256)]
    public int Threads { get; set; }

    /// <summary>Threads in numbers.</summary>
    public int ThreadCount => Threads == 0 ? Environment.ProcessorCount : Threads;

    /// <summary>
    /// What runs scorers and graphs that others exported; Cuda in a build with -p:Accelerator=cuda, Cpu elsewhere. Policies with a checkpoint run on the processor:
    /// their attention over pages is managed code.
    /// </summary>
    public ExecutionProvider ExecutionProvider { get; set; } =
#if CUDA
        ExecutionProvider.Cuda;
#else
        ExecutionProvider.Cpu;
#endif

    /// <summary>Which GPU, by CUDA's numbers.</summary>
    [Range(0, 63)]
    public int DeviceId { get; set; }

    /// <summary>Idle workers spin instead of sleeping. Faster on idle cores, 1.2 to 4.6 times slower beside a trainer.</summary>
    public bool Spinning { get; set; }

    /// <summary>The same with another number of threads.</summary>
    public OnnxOptions WithThreads(int threads) =>
        new() { Threads = threads, ExecutionProvider = ExecutionProvider, DeviceId = DeviceId, Spinning = Spinning };
}

[OptionsValidator]
internal sealed partial class OnnxOptionsValidator : IValidateOptions<OnnxOptions>;
