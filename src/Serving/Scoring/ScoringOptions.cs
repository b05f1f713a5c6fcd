using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Scoring;

/// <summary>Bound from the section "Scoring" and checked once, at start-up.</summary>
public sealed class ScoringOptions
{
    public const string Section = "Scoring";

    /// <summary>The scorecard in use.</summary>
    [Required]
    public string Scorecard { get; set; } = "default";

    /// <summary>Scorecards by name: scorer -> weight and veto. With none configured, "default" has <see cref="Scoring.Scorecard.BuiltInEntries"/>.</summary>
    public Dictionary<string, Dictionary<string, ScorerWeight>> Scorecards { get; set; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// What ranks the candidates of a request that names no scorecard when a scorer of the one in use fails: another scorecard, best without that scorer's
    /// model; null = such a request fails.
    /// </summary>
    public string? FallbackScorecard { get; set; }

    /// <summary>Registry name of the reward model.</summary>
    [Required]
    public string Reward { get; set; } = "reward";

    /// <summary>Registry name of the entailment model.</summary>
    [Required]
    public string Entailment { get; set; } = "entailment";

    /// <summary>Threads per scorer model; 0 = half the cores, since reward and entailment run at the same time. Scores do not depend on it.</summary>
    [Range(0, 256)]
    public int Threads { get; set; }

    /// <summary>
    /// Most pairs in one run of a scorer model. Scores do not depend on it; on a processor few pairs stay in its caches (perf/RESULTS.md: 4 are 2 to 10 % faster than 16).
    /// </summary>
    [Range(1, 1024)]
    public int MaxBatch { get; set; } =
#if CUDA
        64;
#else
        4;
#endif

    /// <summary>Most pairs that wait for a scorer model; whoever brings more waits until there is room.</summary>
    [Range(1, 1_000_000)]
    public int QueueCapacity { get; set; } = 4096;

    /// <summary>Most pairs of one HTTP request.</summary>
    [Range(1, 1_000_000)]
    public int MaxPairs { get; set; } = 1000;

    /// <summary>Pairs of HTTP requests that are scored or wait for it; beyond it requests are refused with 429. Best-of-N has its own limit before it.</summary>
    [Range(1, 100_000_000)]
    public int AdmissionLimit { get; set; } = 16_384;

    [ValidateObjectMembers]
    public StyleOptions Style { get; set; } = new();
}

/// <summary>How one scorer counts in a scorecard.</summary>
public sealed class ScorerWeight
{
    /// <summary>Factor of the score in the total; 0 = reported but not counted.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>An answer that scores less ranks behind every answer that no scorer vetoes.</summary>
    public float? VetoBelow { get; set; }
}

[OptionsValidator]
internal sealed partial class ScoringOptionsValidator : IValidateOptions<ScoringOptions>;
