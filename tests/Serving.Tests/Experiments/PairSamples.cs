using Serving.Experiments;

namespace Serving.Tests.Experiments;

/// <summary>Pairs to test with. Stateless.</summary>
internal static class PairSamples
{
    /// <summary>A pair in which everything was measured, with an answer that is as good as the baseline's in all but cost.</summary>
    public static Pair Of(int number, double candidate = 0.5, double baseline = 0.5, string arm = "student@2") => new()
    {
        Id = $"chatcmpl-{number}",
        Time = DateTimeOffset.UnixEpoch.AddSeconds(number),
        Judge = "judge@1",
        Candidate = new ComparedAnswer
        {
            Arm = arm,
            Score = candidate,
            Support = 0.9,
            Contradiction = 0.05,
            Repetition = 0.1,
            Tokens = 40,
            LatencyMilliseconds = 20,
            TokensSpent = 40,
            ProcessorSeconds = 0.02,
        },
        Baseline = new ComparedAnswer
        {
            Arm = "best-of-16:anchor@1",
            Score = baseline,
            Support = 0.9,
            Contradiction = 0.05,
            Repetition = 0.1,
            Tokens = 40,
            LatencyMilliseconds = 200,
            TokensSpent = 640,
            ProcessorSeconds = 0.3,
        },
        CandidateShare = 0.5,
        CandidateWasSeen = number % 2 == 0,
        Quantile = 0.75,
    };

    /// <summary>Pairs whose scores stray around 0.5 with a given mean difference; the same for the same seed.</summary>
    public static IEnumerable<Pair> Many(int count, double difference, int seed = 1, double spread = 0.2)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            yield return Of(i, 0.5 + difference + (spread * (random.NextDouble() - 0.5)), 0.5 + (spread * (random.NextDouble() - 0.5)));
        }
    }
}
