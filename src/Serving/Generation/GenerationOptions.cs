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

    /// <summary>Largest request body in bytes; beyond it the answer is 413.</summary>
    [Range(1024, 1 << 30)]
    public int MaxBodyBytes { get; set; } = 1 << 20;

    /// <summary>Deepest nesting of a request body; the API itself needs six levels.</summary>
    [Range(8, 1000)]
    public int MaxJsonDepth { get; set; } = 32;

    /// <summary>Seed of the source that gives seeds to requests without one; null = from the operating system, once per process.</summary>
    public ulong? Seed { get; set; }
}

[OptionsValidator]
internal sealed partial class GenerationOptionsValidator : IValidateOptions<GenerationOptions>;
