using System.Text.Json;

namespace Serving.EpisodeTools;

/// <summary>What a group of answers says of preference: the one of the highest total against the one of the lowest. Immutable.</summary>
public sealed record PreferencePair(string Chosen, double ChosenTotal, string Rejected, double RejectedTotal)
{
    /// <summary>Of equal totals the first; null when nothing is preferred to anything.</summary>
    public static PreferencePair? Of(IReadOnlyList<(string Text, double Total)> answers)
    {
        var rated = answers.Where(answer => !double.IsNaN(answer.Total)).ToArray();
        if (rated.Length < 2)
        {
            return null;
        }

        var (best, worst) = (rated.MaxBy(answer => answer.Total), rated.MinBy(answer => answer.Total));
        return best.Total > worst.Total && best.Text != worst.Text ? new PreferencePair(best.Text, best.Total, worst.Text, worst.Total) : null;
    }

    /// <summary>
    /// One object of TRL's preference format. <paramref name="prompt"/> is the templated prompt, so that both answers continue it as the policy saw it;
    /// <paramref name="source"/> is the user's text.
    /// </summary>
    public void Write(Utf8JsonWriter json, string prompt, string source, string promptId)
    {
        json.WriteStartObject();
        JsonLines.Text(json, "prompt", prompt);
        JsonLines.Text(json, "chosen", Chosen);
        JsonLines.Text(json, "rejected", Rejected);
        JsonLines.Number(json, "score_chosen", ChosenTotal);
        JsonLines.Number(json, "score_rejected", RejectedTotal);
        JsonLines.Number(json, "margin", ChosenTotal - RejectedTotal);
        JsonLines.Text(json, "source", source);
        JsonLines.Text(json, "prompt_id", promptId);
        json.WriteEndObject();
    }
}
