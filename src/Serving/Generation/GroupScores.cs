using System.Collections.Concurrent;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>
/// The scores of one group's answers, begun as the answers appear, and compared when all are there; equal texts are scored once. The first failure gives up the group.
/// Thread-safe.
/// </summary>
internal sealed class GroupScores(CandidateScorer scorer, string source, Deadline deadline)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<Score>>> _scores = new(StringComparer.Ordinal);

    /// <summary>The score of an answer, started now or before.</summary>
    public Task<Score> Of(string answer) => _scores.GetOrAdd(answer, text => new Lazy<Task<Score>>(() => ScoreAsync(text))).Value;

    /// <summary>The scores of the whole group, in its order.</summary>
    public async Task<IReadOnlyList<Score>> OfAllAsync(IReadOnlyList<string> answers) =>
        scorer.InGroup(answers, await Task.WhenAll(answers.Select(Of)));

    private async Task<Score> ScoreAsync(string answer)
    {
        try
        {
            return await scorer.ScoreAsync(source, answer, deadline.Token);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            deadline.Fail(exception);                                  // no use in decoding the rest
            throw;
        }
    }
}
