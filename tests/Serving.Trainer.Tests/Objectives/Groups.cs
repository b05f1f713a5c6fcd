using static Serving.Trainer.Tests.Objectives.Testbed;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>Every group of N draws of T3 with every order of its tie keys, and its probability.</summary>
internal static class Groups
{
    public static IEnumerable<(int[] Answers, int[] Better, double Probability)> Of(int candidates)
    {
        var keys = Permutations([.. Enumerable.Range(0, candidates)]).ToArray();
        for (var code = 0; code < (int)Math.Pow(3, candidates); code++)
        {
            var answers = Enumerable.Range(0, candidates).Select(i => code / (int)Math.Pow(3, i) % 3).ToArray();
            var probability = answers.Aggregate(1.0, (product, answer) => product * T3[answer]) / keys.Length;
            foreach (var key in keys)
            {
                var better = Enumerable.Range(0, candidates).Select(i => Enumerable.Range(0, candidates).Count(j =>
                    T3Rewards[answers[j]] > T3Rewards[answers[i]] || (answers[j] == answers[i] && key[j] > key[i]))).ToArray();
                yield return (answers, better, probability);
            }
        }
    }

    private static IEnumerable<int[]> Permutations(int[] items) =>
        items.Length <= 1
            ? [items]
            : items.SelectMany(first => Permutations([.. items.Where(item => item != first)]).Select(rest => (int[])[first, .. rest]));
}
