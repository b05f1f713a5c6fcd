using System.Security.Cryptography;
using System.Text;

namespace Serving.Trainer.Pretraining;

/// <summary>Which of the training pairs a model sees, by a hash of their ids: a half and the quarters of the other half share no pair.</summary>
public enum PairPart
{
    All,
    FirstHalf,
    SecondHalf,

    /// <summary>Of the second half.</summary>
    ThirdQuarter,

    /// <summary>The rest of the second half.</summary>
    FourthQuarter,
}

/// <summary>Splits pairs by a hash of their ids.</summary>
internal static class PairParts
{
    private const int Quarter = 64;

    public static IReadOnlyList<TaskExample> Of(IReadOnlyList<TaskExample> examples, PairPart part)
    {
        var (from, to) = part switch
        {
            PairPart.FirstHalf => (0, 2 * Quarter),
            PairPart.SecondHalf => (2 * Quarter, 4 * Quarter),
            PairPart.ThirdQuarter => (2 * Quarter, 3 * Quarter),
            PairPart.FourthQuarter => (3 * Quarter, 4 * Quarter),
            _ => (0, 4 * Quarter),
        };
        return [.. examples.Where(example => Hash(example.Id) is var hash && hash >= from && hash < to)];
    }

    private static byte Hash(string id) => SHA256.HashData(Encoding.UTF8.GetBytes("scorers/" + id))[0];
}
