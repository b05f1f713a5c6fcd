using System.Diagnostics;
using System.Diagnostics.Metrics;
using Serving.Inference;
using Serving.Observability;

namespace Serving.Generation;

/// <summary>What requests, groups and candidates are measured with. Nothing is measured by token. Thread-safe.</summary>
internal static class GenerationTelemetry
{
    private static readonly Meter _meter = new($"{Telemetry.Name}.{nameof(Generation)}");

    private static readonly Histogram<double> _duration = Seconds(
        "gen_ai.server.request.duration", "From the request's arrival to the end of its answer.",
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]);

    private static readonly Histogram<double> _firstToken = Seconds(
        "gen_ai.server.time_to_first_token", "From the request's arrival to the first token that was sampled for it.",
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);

    private static readonly Histogram<double> _perOutputToken = Seconds(
        "gen_ai.server.time_per_output_token", "(Duration - time to first token) / (tokens of the longest answer - 1), scoring and log included.",
        [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]);

    // Small policies emit tokens faster than the standard's first bucket ends.
    private static readonly Histogram<double> _perDecodedToken = Seconds(
        "serving.time_per_output_token", "Decoding of one candidate: time from its first token to its last / (tokens - 1).",
        [0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075, 0.01]);

    private static readonly Histogram<long> _tokens = _meter.CreateHistogram(
        "gen_ai.client.token.usage", "{token}", "Tokens of prompts and of the answers that went out.", tags: null,
        new InstrumentAdvice<long>
        {
            HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
        });

    private static readonly Histogram<long> _candidates = _meter.CreateHistogram(
        "serving.request.candidates", "{candidate}", "Candidates of a Best-of-N request, or plain answers.", tags: null,
        new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] });

    private static readonly Histogram<double> _chosenMinusMean = _meter.CreateHistogram(
        "serving.chosen_minus_mean", "1", "Total of the chosen candidate less the mean of its group's, vetoed ones left out.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10] });

    private static readonly Counter<long> _vetoes = _meter.CreateCounter<long>("serving.scorer.vetoes", "{candidate}", "Candidates that a scorer vetoed.");

    /// <summary>A request has ended, well or not: <paramref name="tags"/> then hold an error.type.</summary>
    public static void Ended(TimeSpan duration, in TagList tags) => _duration.Record(duration.TotalSeconds, tags);

    /// <summary>What a request that succeeded was like.</summary>
    /// <param name="begun">Its arrival, in ticks of <see cref="Stopwatch"/>.</param>
    /// <param name="duration">Its whole duration.</param>
    /// <param name="promptTokens">Tokens of its prompt.</param>
    /// <param name="result">What came out.</param>
    /// <param name="tags">The attributes of all series of a request.</param>
    public static void Answered(long begun, TimeSpan duration, int promptTokens, GenerationResult result, in TagList tags)
    {
        _candidates.Record(result.Candidates.Count, tags);
        var usage = tags;
        usage.Add(GenAi.TokenType, "input");
        _tokens.Record(promptTokens, usage);
        usage[^1] = new(GenAi.TokenType, "output");
        var (sum, longest) = (0L, 0);
        foreach (var index in result.Answers)
        {
            var tokens = result.Candidates[index].Tokens.Length;
            (sum, longest) = (sum + tokens, Math.Max(longest, tokens));
        }

        _tokens.Record(sum, usage);
        Speed(begun, duration, longest, result.Candidates, tags);
        if (result.Ranking is { } ranking)
        {
            Judged(ranking, tags);
        }
    }

    private static void Speed(long begun, TimeSpan duration, int longest, IReadOnlyList<Candidate> candidates, in TagList tags)
    {
        var first = long.MaxValue;
        foreach (var candidate in candidates)
        {
            first = Math.Min(first, candidate.Times.First);
            if (candidate.Tokens.Length > 1)
            {
                _perDecodedToken.Record(candidate.Times.Decoding.TotalSeconds / (candidate.Tokens.Length - 1), tags);
            }
        }

        var toFirst = Stopwatch.GetElapsedTime(begun, first);
        _firstToken.Record(toFirst.TotalSeconds, tags);
        if (longest > 1)
        {
            _perOutputToken.Record((duration - toFirst).TotalSeconds / (longest - 1), tags);
        }
    }

    private static void Judged(Ranking ranking, in TagList tags)
    {
        var (sum, count) = (0.0, 0);
        foreach (var score in ranking.Scores)
        {
            (sum, count) = score.Vetoed.Count == 0 ? (sum + score.Total, count + 1) : (sum, count);
            foreach (var scorer in score.Vetoed)
            {
                _vetoes.Add(1, new KeyValuePair<string, object?>("serving.scorer", scorer));
            }
        }

        if (count > 0)
        {
            _chosenMinusMean.Record(ranking.Scores[ranking.Order[0]].Total - (sum / count), tags);
        }
    }

    private static Histogram<double> Seconds(string name, string description, double[] boundaries) =>
        _meter.CreateHistogram(name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });
}
