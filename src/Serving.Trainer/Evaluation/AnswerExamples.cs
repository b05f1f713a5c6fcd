using System.Globalization;
using System.Text;

namespace Serving.Trainer.Evaluation;

/// <summary>Random documents with their answers and scores as Markdown, for people to read in a model card.</summary>
internal static class AnswerExamples
{
    private static readonly string[] _answers = ["Best-of-16", "Best-of-4", "one sample"];
    private static readonly string[] _figures = ["total", "consensus", "reward", "entailment", "judge", "style", "rouge-1"];

    /// <summary>A table per document: the best answer that there is, the greedy one and the human one.</summary>
    public static string Markdown(IReadOnlyList<EvaluatedDocument> documents, int count, int seed)
    {
        var order = Enumerable.Range(0, documents.Count).ToArray();
        new Random(seed).Shuffle(order);
        var text = new StringBuilder();
        foreach (var document in order.Take(count).Order().Select(index => documents[index]))
        {
            var best = _answers.First(document.Answers.ContainsKey);
            var figures = _figures.Where(document.Answers[best].Figures.ContainsKey).ToArray();
            text.Append(CultureInfo.InvariantCulture, $"### {document.Example.Id}\n{Quoted(document.Example.Document)}\n\n");
            text.Append(CultureInfo.InvariantCulture, $"| | answer | {string.Join(" | ", figures)} |\n| --- | --- |{string.Concat(figures.Select(_ => " --- |"))}\n");
            foreach (var name in new[] { best, PolicyEvaluation.Greedy, "human" })
            {
                var answer = document.Answers[name];
                var values = figures.Select(figure => answer.Figures[figure].ToString("0.##", CultureInfo.InvariantCulture));
                text.Append(CultureInfo.InvariantCulture, $"| {name} | {Cell(answer.Text)} | {string.Join(" | ", values)} |\n");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    private static string Quoted(string document) => string.Join("\n", document.Split('\n').Select(line => "> " + line));

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
}
