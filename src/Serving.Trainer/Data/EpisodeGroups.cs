using Serving.Episodes;

namespace Serving.Trainer.Data;

/// <summary>Turns stored episodes into candidate groups. Pure.</summary>
public static class EpisodeGroups
{
    /// <summary>
    /// The group of an episode, or null when it holds nothing to learn from: it is marked invalid, it was answered by
    /// another policy than <paramref name="policy"/>, it has no candidate, or a score or log-prob is not a number.
    /// </summary>
    /// <param name="episode">As read from the log.</param>
    /// <param name="policy">Model name whose draws are wanted, any version ("anchor" takes "anchor@3"); null = any.</param>
    public static CandidateGroup? Read(Episode episode, string? policy)
    {
        if (episode.Invalid || (policy is not null && !episode.Policy.StartsWith(policy + "@", StringComparison.Ordinal) && episode.Policy != policy))
        {
            return null;
        }

        var candidates = new GroupCandidate[episode.Candidates.Count];
        var keys = new StepRandom(StepRandom.Digest(episode.Id), "tie");
        for (var i = 0; i < candidates.Length; i++)
        {
            var stored = episode.Candidates[i];
            var sampled = stored.SampledLogProbs.Sum(logProb => (double)logProb);
            if (stored.Tokens.Length == 0 || !double.IsFinite(stored.Total) || !double.IsFinite(sampled))
            {
                return null;
            }

            candidates[i] = new GroupCandidate(stored.Tokens, sampled, stored.Total, keys.Bits(0, (ulong)i), CandidateSource.Logged)
            {
                TokenLogProbs = stored.SampledLogProbs,
            };
        }

        return candidates.Length == 0 || episode.PromptTokens.Length == 0
            ? null
            : new CandidateGroup
            {
                Id = episode.Id,
                Source = episode.Source,
                DrawnBy = PolicyVersion.Of(episode.Policy),
                Prompt = episode.PromptTokens,
                Answers = [.. episode.Candidates.Select(candidate => candidate.Text)],
                Candidates = candidates,
                Independent = episode.Independent,
            };
    }
}
