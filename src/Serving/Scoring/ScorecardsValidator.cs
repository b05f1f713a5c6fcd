using Microsoft.Extensions.Options;

namespace Serving.Scoring;

/// <summary>Checks what data annotations cannot say about the scorecards; reports every fault at once.</summary>
internal sealed class ScorecardsValidator : IValidateOptions<ScoringOptions>
{
    public ValidateOptionsResult Validate(string? name, ScoringOptions options)
    {
        var faults = new List<string>();
        foreach (var (card, entries) in options.Scorecards)
        {
            if (entries is null || entries.Count == 0)
            {
                faults.Add($"Scoring:Scorecards:{card} names no scorer; give at least one of {Known()} a weight.");
                continue;
            }

            foreach (var (scorer, weight) in entries)
            {
                Check(faults, $"Scoring:Scorecards:{card}:{scorer}", scorer, weight);
            }
        }

        if (options.Scorecards.Count > 0 && options.Scorecard is not null && !options.Scorecards.ContainsKey(options.Scorecard))
        {
            faults.Add($"Scoring:Scorecard is \"{options.Scorecard}\", but Scoring:Scorecards has only {List(options.Scorecards.Keys)}.");
        }
        else if (options.Scorecards.Count == 0 && options.Scorecard is not null && options.Scorecard != Scorecard.BuiltIn)
        {
            faults.Add($"Scoring:Scorecard is \"{options.Scorecard}\", but Scoring:Scorecards is empty; only \"{Scorecard.BuiltIn}\" is built in.");
        }

        if (options.FallbackScorecard is { } fallback && !options.Scorecards.ContainsKey(fallback))
        {
            faults.Add($"Scoring:FallbackScorecard is \"{fallback}\", but Scoring:Scorecards has {(options.Scorecards.Count == 0 ? "none" : $"only {List(options.Scorecards.Keys)}")}.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void Check(List<string> faults, string path, string scorer, ScorerWeight? weight)
    {
        if (!Scorecard.KnownScorers.Contains(scorer, StringComparer.OrdinalIgnoreCase))
        {
            faults.Add($"{path}: there is no scorer \"{scorer}\"; known are {Known()}.");
        }

        if (weight is null)
        {
            faults.Add($"{path} is empty; write {{ \"Weight\": 1 }}.");
            return;
        }

        if (!double.IsFinite(weight.Weight))
        {
            faults.Add($"{path}:Weight must be a finite number.");
        }

        if (weight.VetoBelow is { } veto && !float.IsFinite(veto))
        {
            faults.Add($"{path}:VetoBelow must be a finite number.");
        }
    }

    private static string Known() => List(Scorecard.KnownScorers);

    private static string List(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"\"{name}\""));
}
