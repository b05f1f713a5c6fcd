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

    /// <summary>Idle workers spin instead of sleeping. Faster on idle cores, 1.2 to 4.6 times slower beside a trainer.</summary>
    public bool Spinning { get; set; }
}

[OptionsValidator]
internal sealed partial class OnnxOptionsValidator : IValidateOptions<OnnxOptions>;
