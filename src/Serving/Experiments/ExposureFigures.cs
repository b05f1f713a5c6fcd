using System.Text.Json.Nodes;
using Serving.Episodes;

namespace Serving.Experiments;

/// <summary>What the callers of "auto" met and thought, from the logs of exposures and feedback. Immutable once made.</summary>
internal sealed class ExposureFigures
{
    public ExposureFigures(string root, string episodes, ICollection<string> problems)
    {
        var arms = new Dictionary<string, string>(StringComparer.Ordinal);
        var figures = new SortedDictionary<(string Arm, string Policy), Tally>();
        try
        {
            foreach (var exposure in ExposureLog.Read(root))
            {
                var arm = WordOf(exposure.Assignment.Arm);
                arms[exposure.Id] = arm;
                figures.TryAdd((arm, exposure.Policy), new Tally());
                figures[(arm, exposure.Policy)].Add(exposure);

                // An assignment belongs to its experiment: the same key is drawn anew in the next one.
                Shares.Add(exposure.Assignment.DistilledShare, exposure.Assignment.Arm is Arm.Distilled, $"{exposure.Assignment.Experiment} {exposure.Assignment.Key}");
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            problems.Add(e.Message);
        }

        Arms = [.. figures.Select(entry => entry.Value.Report(entry.Key.Arm, entry.Key.Policy))];
        Feedback = arms.Count == 0 ? [] : [.. ReadFeedback(episodes, arms, problems)];
    }

    public IReadOnlyList<ArmReport> Arms { get; }

    public IReadOnlyList<FeedbackReport> Feedback { get; }

    public PlannedShares Shares { get; } = new();

    private static string WordOf(Arm arm) => arm is Arm.Distilled ? "distilled" : "best-of-n";

    private static IEnumerable<FeedbackReport> ReadFeedback(string episodes, Dictionary<string, string> arms, ICollection<string> problems)
    {
        var values = new Dictionary<(string Metric, string Id), double>();
        try
        {
            foreach (var feedback in new FeedbackReader(episodes).ReadAll())
            {
                if (arms.ContainsKey(feedback.EpisodeId) && Number(feedback.Value) is { } value)
                {
                    values[(feedback.Metric, feedback.EpisodeId)] = value;
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            problems.Add(e.Message);
        }

        return values.GroupBy(entry => (entry.Key.Metric, Arm: arms[entry.Key.Id]))
            .OrderBy(group => group.Key.Metric, StringComparer.Ordinal).ThenBy(group => group.Key.Arm, StringComparer.Ordinal)
            .Select(group => new FeedbackReport(group.Key.Metric, group.Key.Arm, group.Count(), group.Average(entry => entry.Value)));
    }

    /// <summary>A number, or true and false as 1 and 0; texts are no figures.</summary>
    private static double? Number(string json) => JsonNode.Parse(json) switch
    {
        JsonValue value when value.TryGetValue<bool>(out var flag) => flag ? 1 : 0,
        JsonValue value when value.TryGetValue<double>(out var number) => number,
        _ => null,
    };

    private sealed class Tally
    {
        private readonly LatencyQuantiles _latency = new();
        private long _tokens;

        public void Add(Exposure exposure)
        {
            _latency.Add(exposure.Milliseconds);
            _tokens += exposure.Tokens;
        }

        public ArmReport Report(string arm, string policy) => new()
        {
            Arm = arm,
            Policy = policy,
            Requests = _latency.Count,
            MedianMilliseconds = _latency.At(0.5),
            P95Milliseconds = _latency.At(0.95),
            TokensPerAnswer = (double)_tokens / _latency.Count,
        };
    }
}
