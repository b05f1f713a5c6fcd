using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Generation;

/// <summary>Bound from the section "Generation" and checked once, at start-up.</summary>
public sealed class GenerationOptions
{
    public const string Section = "Generation";

    /// <summary>Most candidates (or plain answers) of one request; also the most that an operator may configure.</summary>
    public const int MaxCandidates = 64;

    /// <summary>Most answers of one request, all its prompts together.</summary>
    public const int MaxChoices = 1024;

    /// <summary>
    /// Candidates of a Best-of-N request that does not say how many. They share one prefill, so cost grows with decode steps only.
    /// </summary>
    [Range(1, MaxCandidates)]
    public int Candidates { get; set; } = 16;

    /// <summary>Longest answer in tokens when the request does not say.</summary>
    [Range(1, 1_000_000)]
    public int MaxTokens { get; set; } = 64;

    /// <summary>Longest a request may take, queueing, sampling and scoring together, before it is given up.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan Deadline { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How often a stream that has nothing to say yet sends a comment line; proxies and clients give up on silent connections.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:10:00")]
    public TimeSpan PingInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Where early stopping stops: this quantile of the best totals of recent groups. Lower = fewer candidates, and a lower total.
    /// </summary>
    [Range(0, 1.0)]
    public double EarlyStopQuantile { get; set; } = 0.5;

    /// <summary>Seed of the source that gives seeds to requests without one; null = from the operating system, once per process.</summary>
    public ulong? Seed { get; set; }
}

[OptionsValidator]
internal sealed partial class GenerationOptionsValidator : IValidateOptions<GenerationOptions>;
