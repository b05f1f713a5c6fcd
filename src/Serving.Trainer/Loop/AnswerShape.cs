using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Loop;

/// <summary>What can go wrong with answers that no scorer looks at. Pure.</summary>
internal static class AnswerShape
{
    /// <summary>Share of an answer's pairs of neighbouring words that stood in it before, 0 to 1.</summary>
    public static double Repetition(string answer)
    {
        var words = SynopsisWords.Of(answer);
        var pairs = words.Zip(words.Skip(1)).ToArray();
        return pairs.Length == 0 ? 0 : 1 - (pairs.Distinct().Count() / (double)pairs.Length);
    }

    /// <summary>Different answers over answers, 0 to 1, to different prompts.</summary>
    public static double Distinct(IReadOnlyCollection<string> answers) => answers.Distinct(StringComparer.Ordinal).Count() / (double)answers.Count;
}
