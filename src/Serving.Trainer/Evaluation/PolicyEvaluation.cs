using Serving.Inference;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Evaluation;

/// <summary>
/// Answers each document greedily, by one sample, by the best of 4, 16 and 64 of the same samples under the scorecard, and by the sample nearest to
/// the human synopsis; beside them the human synopsis and the baselines without a model. Every answer is scored beside all other samples.
/// </summary>
internal sealed class PolicyEvaluation(LoadedPolicy policy, AnswerScorers scorers, SamplingParameters sampling, int samples, TimeProvider time)
{
    public const string Greedy = "greedy";

    private const string Early = "early stop";
    private const int OracleOf = 16;
    private const int NotSampled = -1;

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
        int[] sizes = [.. _bestOf.Where(n => n <= sampled.Length)];
        var most = Math.Min(OracleOf, sampled.Length);
        var choices = await scorers.ChooseAsync(source, sampled, sizes, most, cancellationToken);
        var oracle = Enumerable.Range(0, most).MaxBy(i => Rouge.L(sampled[i], example.Summary));
        (string Name, string Text, int Sample, int Candidates)[] texts =
        [
            (Greedy, greedy, NotSampled, 1),
            ("one sample", sampled[0], 0, 1),
            .. (choices?.Best ?? []).Select((sample, i) => ($"Best-of-{sizes[i]}", sampled[sample], sample, sizes[i])),
            .. choices is null ? [] : new[] { (Early, sampled[choices.Early], choices.Early, choices.Drawn) },
            ($"oracle of {most}", sampled[oracle], oracle, most),
            ("first sentence", DocumentBaselines.FirstSentence(example.Document), NotSampled, 0),
            ("first clause", DocumentBaselines.FirstClause(example.Document), NotSampled, 0),
            ("human", example.Summary, NotSampled, 0),
        ];
        var answers = await Task.WhenAll(texts.Select(async item => KeyValuePair.Create(
            item.Name,
            await FiguresAsync(example, source, item.Text, [.. sampled.Where((_, i) => i != item.Sample)], item.Candidates, cancellationToken))));
        return new EvaluatedDocument(example, new OrderedDictionary<string, EvaluatedAnswer>(answers));
    }

    private async Task<EvaluatedAnswer> FiguresAsync(
        TaskExample example, string source, string answer, IReadOnlyList<string> others, int candidates, CancellationToken cancellationToken)
    {
        var score = await scorers.ScoreAsync(source, answer, others, cancellationToken);
        var judge = await scorers.JudgeAsync(source, answer, cancellationToken);
        return new EvaluatedAnswer(answer, AnswerFigures.Of(example, answer, score, judge, candidates));
    }
}
