using System.Text.Json;
using Serving.Episodes;
using Serving.Generation;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>An episode as another scorecard would have ranked it: what went out, and what would have. Immutable.</summary>
/// <param name="Episode">As logged.</param>
/// <param name="Totals">Of every candidate, under the scorecard.</param>
/// <param name="Scores">Of every candidate: the logged ones, then those that the scorecard asks for besides.</param>
/// <param name="Best">Index of the candidate that would have gone out.</param>
internal sealed record RerankedEpisode(Episode Episode, double[] Totals, IReadOnlyList<KeyValuePair<string, float>>[] Scores, int Best)
{
    /// <summary>The answer that went out would have been another: the same text under another index is the same answer.</summary>
    public bool Changes => Episode.Candidates[Best].Text != Episode.Candidates[Episode.Chosen].Text;

    /// <summary>What the scorecard's total gains.</summary>
    public double Gain => Totals[Best] - Totals[Episode.Chosen];

    /// <summary>Ranks as serving does: logged values as they are, the highest total first, ties to the lowest index.</summary>
    /// <param name="episode">As logged.</param>
    /// <param name="card">The other scorecard.</param>
    /// <param name="missing">Per scorer of the card that the log has no values of: one value per candidate.</param>
    public static RerankedEpisode Of(Episode episode, Scorecard card, IReadOnlyDictionary<string, float[]> missing)
    {
        var candidates = episode.Candidates;
        var scores = new IReadOnlyList<KeyValuePair<string, float>>[candidates.Count];
        var ranked = new Score[candidates.Count];
        for (var i = 0; i < candidates.Count; i++)
        {
            var candidate = i;
            scores[i] = [.. candidates[i].Scores, .. missing.Select(scorer => KeyValuePair.Create(scorer.Key, scorer.Value[candidate]))];
            var score = card.Combine([.. card.Entries.Select(entry => scores[candidate].First(value => value.Key == entry.Scorer).Value)]);
            ranked[i] = IsBroken(episode, candidates[i]) ? score with { Total = score.Total - Scorecard.VetoPenalty } : score;
        }

        return new RerankedEpisode(episode, [.. ranked.Select(score => score.Total)], scores, BestOfN.Select(ranked));
    }

    /// <summary>
    /// Whether serving took a veto's penalty off because the answer is not whole JSON, as its request asked: the log has it in the total alone, beside the penalties of scorers.
    /// </summary>
    private static bool IsBroken(Episode episode, EpisodeCandidate candidate) =>
        episode.ResponseFormat.StartsWith("json", StringComparison.Ordinal) && candidate.Total < -Scorecard.VetoPenalty / 2 && !IsJson(candidate.Text);

    private static bool IsJson(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return true;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return false;
        }
    }
}
