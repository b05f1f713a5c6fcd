using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Serving.Models;

/// <summary>Bound from the section "Models" and checked once, at start-up.</summary>
public sealed class ModelOptions
{
    public const string Section = "Models";

    /// <summary>
    /// Registry root; a relative path is looked for below the working directory, the content root and the program's folder, see
    /// <see cref="ModelRoot"/>.
    /// </summary>
    [Required]
    public string Root { get; set; } = "models";

    /// <summary>Policy behind the alias "best-of-n".</summary>
    [Required, RegularExpression(ModelId.NamePattern)]
    public string Anchor { get; set; } = "anchor";

    /// <summary>Policy behind the alias "distilled".</summary>
    [Required, RegularExpression(ModelId.NamePattern)]
    public string Distilled { get; set; } = "student";

    /// <summary>
    /// Whether a newer version of <see cref="Distilled"/> stays a candidate until a decision makes it current. The host sets it: true where experiments
    /// decide. Otherwise the newest version that works is current.
    /// </summary>
    public bool Gated { get; set; }

    /// <summary>How often the registry is looked at for new versions.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "01:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Versions of one name in memory at once, draining ones included; current, candidate and previous too; a newer one waits until there is room.</summary>
    [Range(2, 16)]
    public int ResidentVersions { get; set; } = 3;

    /// <summary>
    /// Most that a new version may differ from the one in use before anything is known of its quality: mean of log p(new) - log p(in use) over a few of its
    /// own answers, in nats an answer. 0 = not compared. A version that a decision names is not compared either.
    /// </summary>
    [Range(0, 1e6)]
    public double MaxCanaryDivergence { get; set; } = 20;         // perf "canary": distilled versions 0.5 to 5, another architecture 10, half noise 36

    /// <summary>Whether newer versions of a name wait for a decision.</summary>
    public bool IsGated(string name) => Gated && name == Distilled;
}

[OptionsValidator]
internal sealed partial class ModelOptionsValidator : IValidateOptions<ModelOptions>;
