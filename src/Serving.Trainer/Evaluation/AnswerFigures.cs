using System.Numerics;
using Serving.Scoring;
using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Evaluation;

/// <summary>The figures of one answer. ROUGE is in per cent, probabilities 0 to 1, style is the number of rules broken, candidates how many answers were drawn for it.</summary>
internal static class AnswerFigures
{
    public static IReadOnlyDictionary<string, double> Of(TaskExample example, string answer, Score? score, double? judge, int candidates)
    {
        var fragments = ExtractiveFragments.Of(example.Document, answer);
        var style = SynopsisStyle.Check(example.Id, answer);
        var figures = new Dictionary<string, double>
        {
            ["rouge-1"] = 100 * Rouge.N(answer, example.Summary, 1),
            ["rouge-2"] = 100 * Rouge.N(answer, example.Summary, 2),
            ["rouge-l"] = 100 * Rouge.L(answer, example.Summary),
        };
        if (score is not null)
        {
            figures["total"] = score.Total;
        }

        foreach (var (name, value) in score?.Values ?? [])
        {
            if (name == "entailment")
            {
                figures[name] = Math.Exp(value);
            }
            else if (name is "reward" or Consensus.Name)
            {
                figures[name] = value;
            }
        }

        if (judge is { } probability)
        {
            figures["judge"] = probability;
        }

        figures["coverage"] = fragments.Coverage;
        figures["density"] = fragments.Density;
        figures["words"] = SynopsisWords.Of(answer).Length;
        figures["candidates"] = candidates;
        figures["style"] = BitOperations.PopCount((uint)style);
        foreach (var rule in Enum.GetValues<SynopsisViolations>().Where(rule => rule != SynopsisViolations.None))
        {
            figures[$"style/{rule}"] = style.HasFlag(rule) ? 1 : 0;
        }

        return figures;
    }
}
