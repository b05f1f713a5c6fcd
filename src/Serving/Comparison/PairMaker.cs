using Serving.Experiments;
using Serving.Scoring;

namespace Serving.Comparison;

/// <summary>Judges the answers of both arms to one prompt, alike and at the same time, and makes a pair of them. Thread-safe.</summary>
internal sealed class PairMaker(Judge judge, Scorecards scorecards)
{
    private const string Neutral = "neutral";

    /// <param name="id">Of the request.</param>
    /// <param name="time">UTC.</param>
    /// <param name="candidate">The answer of what is under comparison, and what that is: "student@7".</param>
    /// <param name="baseline">The other arm's: "best-of-16:anchor@1".</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ScorerException">A scorer failed.</exception>
    public async Task<Pair> PairAsync(
        string id, DateTimeOffset time, (ArmAnswer Answer, string Arm) candidate, (ArmAnswer Answer, string Arm) baseline, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(
            ComparedAsync(candidate.Answer, candidate.Arm, cancellationToken), ComparedAsync(baseline.Answer, baseline.Arm, cancellationToken));
        return new Pair { Id = id, Time = time, Candidate = answers[0], Baseline = answers[1], Judge = judge.Id };
    }

    private async Task<ComparedAnswer> ComparedAsync(ArmAnswer answer, string arm, CancellationToken cancellationToken)
    {
        var isEmpty = string.IsNullOrWhiteSpace(answer.Text);
        var score = isEmpty ? 0 : await judge.ScoreAsync(answer.Source, answer.Text, cancellationToken);
        var report = scorecards.Scorers.Values.OfType<EntailmentModel>().FirstOrDefault() is { } entailment
            ? await entailment.JudgeAsync(answer.Source, answer.Text, cancellationToken)
            : null;
        return new ComparedAnswer
        {
            Arm = arm,
            Score = score,
            IsEmpty = isEmpty,
            Support = report is null ? null : Math.Clamp(report.Mean, 0, 1),
            Contradiction = report is null ? null : Contradiction(report),
            Repetition = Repetition(Words.Of(answer.Text)),
            Tokens = answer.Length,
            TokensSpent = answer.Spent,
            LatencyMilliseconds = answer.Duration.TotalMilliseconds,
            ProcessorSeconds = answer.Processor?.TotalSeconds,
        };
    }

    /// <summary>Mean over sentences of the probability that the source speaks against it; a model of two classes does not tell that from saying nothing of it.</summary>
    private static double Contradiction(EntailmentReport report)
    {
        var neutral = report.Labels.ToList().FindIndex(label => label.Equals(Neutral, StringComparison.OrdinalIgnoreCase));
        return Math.Clamp(report.Sentences.Average(sentence => 1 - sentence.Entailment - (neutral < 0 ? 0 : sentence.Probabilities[neutral])), 0, 1);
    }

    /// <summary>Share of pairs of neighbouring words that occurred before in the answer.</summary>
    private static double Repetition(IReadOnlyList<string> words)
    {
        var pairs = words.Zip(words.Skip(1)).ToArray();
        return pairs.Length == 0 ? 0 : 1 - ((double)pairs.Distinct().Count() / pairs.Length);
    }
}
