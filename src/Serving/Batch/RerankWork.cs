using System.Runtime.CompilerServices;
using Serving.Episodes;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>Ranks logged episodes by another scorecard, many at a time where models have to run, in the order of the log. Not thread-safe.</summary>
internal sealed class RerankWork(Scorecard card, ScorersOnDemand missing)
{
    private const int MostPending = 512;

    private readonly SortedDictionary<string, long> _scored = new(StringComparer.Ordinal);

    /// <summary>Texts that a scorer was run on, by its name; empty where the log had everything.</summary>
    public IReadOnlyDictionary<string, long> Scored => _scored;

    /// <exception cref="ScorerException">A scorer failed: there is no exact result without its scores.</exception>
    public async IAsyncEnumerable<RerankedEpisode> RunAsync(
        IEnumerable<Episode> episodes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pending = new Queue<Task<RerankedEpisode>>();
        foreach (var episode in episodes)
        {
            pending.Enqueue(RankAsync(episode, cancellationToken));
            if (pending.Count >= MostPending)
            {
                yield return await pending.Dequeue();
            }
        }

        while (pending.TryDequeue(out var next))
        {
            yield return await next;
        }
    }

    private async Task<RerankedEpisode> RankAsync(Episode episode, CancellationToken cancellationToken)
    {
        string[] answers = [.. episode.Candidates.Select(candidate => candidate.Text)];
        var logged = episode.Candidates[0].Scores.Select(score => score.Key).ToHashSet(StringComparer.Ordinal);
        var values = card.Entries.Select(entry => entry.Scorer).Where(scorer => !logged.Contains(scorer)).ToDictionary(
            scorer => scorer,
            scorer => scorer == Consensus.Name ? Task.FromResult(Consensus.Within(answers)) : ScoreAsync(scorer, episode.Source, answers, cancellationToken),
            StringComparer.Ordinal);
        await Task.WhenAll(values.Values);
        return RerankedEpisode.Of(episode, card, values.ToDictionary(value => value.Key, value => value.Value.Result, StringComparer.Ordinal));
    }

    private async Task<float[]> ScoreAsync(string name, string source, string[] answers, CancellationToken cancellationToken)
    {
        var scorer = missing.Of(name);
        var distinct = answers.Distinct(StringComparer.Ordinal)
            .ToDictionary(answer => answer, answer => scorer.ScoreAsync(source, answer, cancellationToken), StringComparer.Ordinal);
        _scored[name] = _scored.GetValueOrDefault(name) + distinct.Count;
        await Task.WhenAll(distinct.Values);
        return [.. answers.Select(answer => distinct[answer].Result.Values[0].Value)];
    }
}
