using System.ComponentModel.DataAnnotations;

namespace Serving.Trainer.Loop;

/// <summary>Which logged groups a step sees.</summary>
public sealed class ReplayOptions
{
    /// <summary>
    /// Groups of a policy more versions than this behind the newest one of its name, in the log or at the start of the run, are not used. Left out: 4 for the recipe
    /// "off-policy", no bound for the others, which learn what the logged policy would have chosen and do not mind its age.
    /// </summary>
    [Range(0, 1_000_000)]
    public int? MaxStaleness { get; set; }

    /// <summary>Draw groups in proportion to their priorities instead of in passes; for "off-policy", whose losses carry the importance weights.</summary>
    public bool Priorities { get; set; }

    /// <summary>eta: a group's priority is eta times its largest error plus 1 - eta times the mean (R2D2).</summary>
    [Range(0, 1.0)]
    public double Eta { get; set; } = 0.9;

    /// <summary>alpha: 0 draws uniformly, 1 in proportion.</summary>
    [Range(0, 10.0)]
    public double Alpha { get; set; } = 0.9;

    /// <summary>beta: 1 takes the bias of the draws away, 0 leaves it.</summary>
    [Range(0, 1.0)]
    public double Beta { get; set; } = 0.6;
}
