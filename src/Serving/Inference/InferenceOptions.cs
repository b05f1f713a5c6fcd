using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Inference;

/// <summary>Bound from the section "Inference" and checked once, at start-up.</summary>
public sealed class InferenceOptions
{
    public const string Section = "Inference";

    /// <summary>How matrix products are computed.</summary>
    public Precision Precision { get; set; } = Precision.Float32;

    /// <summary>Rows decoded together. A row costs memory only for the tokens that it holds.</summary>
    [Range(1, 256)]
    public int Slots { get; set; } = 32;

    /// <summary>Most prompt tokens of one step; fewer while answers are running, so that these go on without a pause.</summary>
    [Range(16, 8192)]
    public int PrefillChunk { get; set; } = 128;

    /// <summary>Candidates waiting for a slot before requests are refused.</summary>
    [Range(1, 1_000_000)]
    public int QueueLimit { get; set; } = 4096;

    /// <summary>Longest prompt and answer together, in tokens; 0 = as long as the policy allows.</summary>
    [Range(0, 1 << 20)]
    public int ContextLength { get; set; }

    /// <summary>Prompt tokens whose keys and values are kept for later requests with the same beginning; 0 = none.</summary>
    [Range(0, 1 << 24)]
    public int PrefixCacheTokens { get; set; } = 8192;
}

[OptionsValidator]
internal sealed partial class InferenceOptionsValidator : IValidateOptions<InferenceOptions>;
