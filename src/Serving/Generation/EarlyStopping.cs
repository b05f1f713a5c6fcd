namespace Serving.Generation;

/// <summary>
/// When Best-of-N may stop before N: at a reservation value. For draws of one known distribution at a cost each, it is optimal to stop at the first one
/// that reaches a constant (Weitzman 1979, "Optimal search for the best alternative"). Rules that estimate the gain from a prompt's own draws did worse than
/// drawing fewer from the start (docs/log.md). Pure.
/// </summary>
public static class EarlyStopping
{
    private const int Looks = 4;

    /// <summary>Group sizes at which the rule looks, ending with n: half of the candidates first, then an eighth more each time.</summary>
    public static IEnumerable<int> Sizes(int n)
    {
        var first = (n + 1) / 2;
        var step = Math.Max(1, (n - first + Looks - 1) / Looks);
        for (var size = first; size < n; size += step)
        {
            yield return size;
        }

        yield return n;
    }
}
