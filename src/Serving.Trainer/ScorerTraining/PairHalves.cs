using System.Security.Cryptography;
using System.Text;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Splits pairs in two by a hash of their ids.</summary>
internal static class PairHalves
{
    public static IReadOnlyList<TaskExample> Of(IReadOnlyList<TaskExample> examples, PairHalf half) =>
        half == PairHalf.All ? examples : [.. examples.Where(example => IsFirst(example.Id) == (half == PairHalf.First))];

    private static bool IsFirst(string id) => SHA256.HashData(Encoding.UTF8.GetBytes("scorers/" + id))[0] < 128;
}
