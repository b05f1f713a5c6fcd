using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace Serving.Training;

/// <summary>Who trains.</summary>
public enum TrainerMode
{
    /// <summary>Nobody.</summary>
    Off,

    /// <summary>This server starts a trainer of its own and watches over it.</summary>
    Supervised,

    /// <summary>Somebody else, from the same log into the same registry.</summary>
    External,
}

/// <summary>
/// How the server watches over its trainer: bound from the section "Trainer" and checked once, at start-up. The section is shared with the trainer, to whom the server
/// hands every other key as it is (docs/training.md): recipe, steps, learning rate ...
/// </summary>
public sealed class TrainingOptions : IValidatableObject
{
    public const string Section = "Trainer";

    /// <summary>Keys of the section that are these; all others are the trainer's.</summary>
    public static IReadOnlySet<string> Keys { get; } =
        typeof(TrainingOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>False = no trainer, whatever the mode says.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Off here, so that a host starts no process which nobody asked for; the shipped settings say Supervised.</summary>
    public TrainerMode Mode { get; set; } = TrainerMode.Off;

    /// <summary>Folder for runs, their logs and what is remembered of them; relative to the current directory. One server at a time.</summary>
    [Required]
    public string Root { get; set; } = "data/training";

    /// <summary>Serving.Trainer.dll; null = the one beside this program.</summary>
    public string? Program { get; set; }

    /// <summary>Episodes that must have been logged since the last run began before the next one does.</summary>
    [Range(1, 1_000_000_000)]
    public int MinNewEpisodes { get; set; } = 1_000;

    /// <summary>How far the trainer stands back from everything else on the processors: 0 = not at all, 19 = it takes what is left.</summary>
    [Range(0, 19)]
    public int Nice { get; set; } = 19;

    /// <summary>Bytes of memory beyond which a trainer is ended: the shipped anchor trains in 1 GB.</summary>
    [Range(1L << 20, 1L << 50)]
    public long MemoryLimit { get; set; } = 4L << 30;

    /// <summary>
    /// A trainer that prints nothing for this long counts as hung. An evaluation says nothing until it is done, and beside a busy server it takes many times as long as alone.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "10.00:00:00")]
    public TimeSpan StallLimit { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Pause before a trainer that failed is started again; doubled with every further failure of its run.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "1.00:00:00")]
    public TimeSpan RestartDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest of these pauses.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "1.00:00:00")]
    public TimeSpan LongestRestartDelay { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Failures after which a run is given up; the next begins when there are enough new episodes again.</summary>
    [Range(1, 1_000)]
    public int Attempts { get; set; } = 5;

    /// <summary>How often the log and a running trainer are looked at.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "01:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (LongestRestartDelay < RestartDelay)
        {
            yield return new ValidationResult(
                $"{Section}:{nameof(LongestRestartDelay)} ({LongestRestartDelay}) must not be shorter than {Section}:{nameof(RestartDelay)} ({RestartDelay}).", [nameof(LongestRestartDelay)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class TrainingOptionsValidator : IValidateOptions<TrainingOptions>;
