using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>The objective "seqkd": supervised training on the teacher's logged answers.</summary>
public sealed class SeqKdOptions
{
    [Range(0, 1e6)]
    public double Weight { get; set; } = 1;
}
