using System.ComponentModel.DataAnnotations;

namespace Serving.Models;

/// <summary>Bound from the section "Models" and checked once, at start-up.</summary>
public sealed class ModelOptions
{
    public const string Section = "Models";

    /// <summary>Registry root; a relative path counts from the content root and then from the working directory.</summary>
    [Required]
    public string Root { get; set; } = "models";

    /// <summary>Policy behind the alias "best-of-n".</summary>
    [Required]
    public string Anchor { get; set; } = "anchor";

    /// <summary>Policy behind the alias "distilled".</summary>
    [Required]
    public string Distilled { get; set; } = "student";

    /// <summary>How often the registry is looked at for new versions.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "01:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);
}
