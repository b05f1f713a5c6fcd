using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Inference;

/// <summary>Bound from the section "Inference" and checked once, at start-up.</summary>
public sealed class InferenceOptions
{
    public const string Section = "Inference";

    /// <summary>Rows decoded together; beyond 16 a step gains little (measured, docs/log.md).</summary>
    [Range(1, 256)]
    public int Slots { get; set; } = 16;

    /// <summary>Prompt tokens prefilled between two decode steps.</summary>
    [Range(16, 8192)]
    public int PrefillChunk { get; set; } = 128;

    /// <summary>Candidates waiting for a slot before requests are refused.</summary>
    [Range(1, 1_000_000)]
    public int QueueLimit { get; set; } = 4096;

    /// <summary>Longest prompt and answer together, in tokens; 0 = as long as the policy allows. Every slot reserves memory for it.</summary>
    [Range(0, 1 << 20)]
    public int ContextLength { get; set; }
}

[OptionsValidator]
internal sealed partial class InferenceOptionsValidator : IValidateOptions<InferenceOptions>;
