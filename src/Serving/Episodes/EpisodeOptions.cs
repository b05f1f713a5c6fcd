using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Episodes;

/// <summary>Bound from the section "Episodes" and checked once, at start-up.</summary>
public sealed class EpisodeOptions
{
    public const string Section = "Episodes";

    /// <summary>Data folder, relative to the current directory; the dataset lies in &lt;Root&gt;/serving_episodes/&lt;version&gt;.</summary>
    [Required]
    public string Root { get; set; } = "data/episodes";

    /// <summary>A shard is closed at this many bytes and a new one begun.</summary>
    [Range(1 << 16, 1L << 40)]
    public long ShardBytes { get; set; } = 256L << 20;

    /// <summary>Off = nothing is logged (for benchmarks).</summary>
    public bool Enabled { get; set; } = true;
}

[OptionsValidator]
internal sealed partial class EpisodeOptionsValidator : IValidateOptions<EpisodeOptions>;
