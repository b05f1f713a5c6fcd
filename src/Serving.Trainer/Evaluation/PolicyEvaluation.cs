using Serving.Generation;
using Serving.Inference;
using Serving.Scoring;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Evaluation;

/// <summary>
/// Answers each document greedily, by one sample, by the best of 4, 16 and 64 of the same samples under the scorecard, and by the sample nearest to
/// the human synopsis; beside them the human synopsis and the baselines without a model.
/// </summary>
internal sealed class PolicyEvaluation(LoadedPolicy policy, AnswerScorers scorers, SamplingParameters sampling, int samples, TimeProvider time)
{
    public const string Greedy = "greedy";

    private const int OracleOf = 16;

    private static readonly int[] _bestOf = [4, 16, 64];

    /// <summary>The documents in order, each with the same answers.</summary>
    public async Task<IReadOnlyList<EvaluatedDocument>> RunAsync(IReadOnlyList<TaskExample> examples, CancellationToken cancellationToken)
    {
        var greedy = new List<string>();
        await new DocumentAnswers(policy, sampling with { Temperature = 0 }, time).ForEachAsync(
            examples,
            1,
            (_, answers) =>
            {
                greedy.Add(answers[0].Text);
                return Task.CompletedTask;
            },
            "greedy answers",
            cancellationToken);
        var documents = new List<EvaluatedDocument>();
        var sampled = new DocumentAnswers(policy, sampling, time);
        await sampled.ForEachAsync(
            examples,
            samples,
            async (example, answers) => documents.Add(await EvaluateAsync(
                example, sampled.Cut(example.Document), greedy[documents.Count], [.. answers.Select(answer => answer.Text)], cancellationToken)),
            "samples",
            cancellationToken);
        return documents;
    }

    private async Task<EvaluatedDocument> EvaluateAsync(
        TaskExample example, string source, string greedy, string[] sampled, CancellationToken cancellationToken)
    {
        var texts = new List<(string Name, string Text)> { (Greedy, greedy), ("one sample", sampled[0]) };
        if (scorers.Scorecard is not null)
        {
            var scores = await Task.WhenAll(sampled.Select(text => scorers.ScoreAsync(source, text, cancellationToken)));
            texts.AddRange(_bestOf.Where(n => n <= sampled.Length).Select(n => ($"Best-of-{n}", sampled[BestOfN.Select([.. scores[..n].OfType<Score>()])])));
        }

        var most = Math.Min(OracleOf, sampled.Length);
        texts.Add(($"oracle of {most}", sampled[..most].MaxBy(text => Rouge.L(text, example.Summary))!));
        texts.Add(("first sentence", DocumentBaselines.FirstSentence(example.Document)));
        texts.Add(("first clause", DocumentBaselines.FirstClause(example.Document)));
        texts.Add(("human", example.Summary));
        var answers = await Task.WhenAll(texts.Select(async item => KeyValuePair.Create(item.Name, await FiguresAsync(example, source, item.Text, cancellationToken))));
        return new EvaluatedDocument(example, new OrderedDictionary<string, EvaluatedAnswer>(answers));
    }

    private async Task<EvaluatedAnswer> FiguresAsync(TaskExample example, string source, string answer, CancellationToken cancellationToken)
    {
        var score = await scorers.ScoreAsync(source, answer, cancellationToken);
        var judge = await scorers.JudgeAsync(source, answer, cancellationToken);
        return new EvaluatedAnswer(answer, AnswerFigures.Of(example, answer, score, judge));
    }
}
