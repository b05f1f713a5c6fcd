using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Trainer.Lab;

/// <summary>Where a policy ended up, all divergences in nats and between distributions over whole sequences. Immutable.</summary>
internal sealed record LabResult
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>pi of every sequence, in lexicographic order, [S].</summary>
    public required IReadOnlyList<double> Probabilities { get; init; }

    /// <summary>Best-of-N of the reference, [S].</summary>
    public required IReadOnlyList<double> BestOfN { get; init; }

    /// <summary>E_pi r.</summary>
    public required double ExpectedReward { get; init; }

    /// <summary>KL(pi || reference).</summary>
    public required double KlToReference { get; init; }

    /// <summary>KL(BoN || pi).</summary>
    [JsonPropertyName("kl_from_best_of_n")]
    public required double KlFromBestOfN { get; init; }

    /// <summary>KL(pi || BoN).</summary>
    [JsonPropertyName("kl_to_best_of_n")]
    public required double KlToBestOfN { get; init; }

    /// <summary>J_0.5: half the sum of the two before, whatever the problem's beta.</summary>
    [JsonPropertyName("jeffreys_to_best_of_n")]
    public required double JeffreysToBestOfN { get; init; }

    /// <param name="logProbs">log pi, [S].</param>
    public static LabResult Of(double[] logProbs, LabTargets targets, IReadOnlyList<double> rewards)
    {
        double[] reference = [.. targets.ReferenceLogProbs.data<double>()];
        double[] best = [.. targets.BestLogProbs.data<double>()];
        var from = Divergence(best, logProbs);
        var to = Divergence(logProbs, best);
        return new LabResult
        {
            Probabilities = [.. logProbs.Select(Math.Exp)],
            BestOfN = targets.Best,
            ExpectedReward = logProbs.Select((logProb, i) => Math.Exp(logProb) * rewards[i]).Sum(),
            KlToReference = Divergence(logProbs, reference),
            KlFromBestOfN = from,
            KlToBestOfN = to,
            JeffreysToBestOfN = (from + to) / 2,
        };
    }

    /// <summary>One line of JSON, numbers written so that they read back the same.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, _json);

    /// <summary>KL(p || q) from log-probs, its rounding errors kept from going below 0.</summary>
    private static double Divergence(double[] p, double[] q) => Math.Max(0, p.Select((logP, i) => Math.Exp(logP) * (logP - q[i])).Sum());
}
