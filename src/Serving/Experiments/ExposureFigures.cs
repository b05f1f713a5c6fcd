using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Episodes;

namespace Serving.Experiments;

/// <summary>What the callers of "auto" met and thought; it grows with the logs of exposures and feedback. Not thread-safe.</summary>
internal sealed class ExposureFigures(string root, string episodes)
{
    private const int MostRemembered = 100_000;                        // answers on which feedback is looked up: the newest

    private readonly GrowingFile _log = new(ExposureLog.PathIn(root));
    private readonly Dictionary<string, string> _arms = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();
    private readonly SortedDictionary<(string Arm, string Policy), Tally> _tallies = [];

    public IReadOnlyList<ArmReport> Arms => [.. _tallies.Select(entry => entry.Value.Report(entry.Key.Arm, entry.Key.Policy))];

    public PlannedShares Shares { get; private set; } = new();

    /// <summary>Takes what has come since; what cannot be read is added to <paramref name="problems"/>.</summary>
    public void Update(ICollection<string> problems)
    {
        if (_log.IsNew())
        {
            _arms.Clear();
            _order.Clear();
            _tallies.Clear();
            Shares = new PlannedShares();
        }

        foreach (var (line, isLast) in _log.NewLines())
        {
            try
            {
                Add(JsonSerializer.Deserialize(line, ExposureJson.Default.Exposure) ?? throw new JsonException("it is null"));
            }
            catch (JsonException) when (isLast)
            {
                break;                                                 // perhaps torn: its writer will cut it, or go on
            }
            catch (JsonException e)
            {
                problems.Add($"{_log.Path}, line {_log.Line}: not an exposure, and left out ({e.Message.TrimEnd('.')}).");
            }
        }
    }

    /// <summary>What was thought of the newest answers; nothing when there is no feedback.</summary>
    public IReadOnlyList<FeedbackReport> Feedback(ICollection<string> problems)
    {
        var values = new Dictionary<(string Metric, string Id), double>();
        try
        {
            foreach (var feedback in _arms.Count == 0 ? [] : new FeedbackReader(episodes).ReadAll())
            {
                if (_arms.ContainsKey(feedback.EpisodeId) && Number(feedback.Value) is { } value)
                {
                    values[(feedback.Metric, feedback.EpisodeId)] = value;
                }
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            problems.Add(e.Message);
        }

        return [.. values.GroupBy(entry => (entry.Key.Metric, Arm: _arms[entry.Key.Id]))
            .OrderBy(group => group.Key.Metric, StringComparer.Ordinal).ThenBy(group => group.Key.Arm, StringComparer.Ordinal)
            .Select(group => new FeedbackReport(group.Key.Metric, group.Key.Arm, group.Count(), group.Average(entry => entry.Value)))];
    }

    private void Add(Exposure exposure)
    {
        var (assignment, arm) = (exposure.Assignment, exposure.Assignment.Arm is Arm.Distilled ? "distilled" : "best-of-n");
        if (!_tallies.TryGetValue((arm, exposure.Policy), out var tally))
        {
            _tallies.Add((arm, exposure.Policy), tally = new Tally());
        }

        tally.Add(exposure);
        if (_arms.TryAdd(exposure.Id, arm))
        {
            _order.Enqueue(exposure.Id);
        }

        while (_order.Count > MostRemembered)
        {
            _arms.Remove(_order.Dequeue());
        }

        // An assignment belongs to its experiment: the same key is drawn anew in the next one.
        Shares.Add(assignment.DistilledShare, assignment.Arm is Arm.Distilled, $"{assignment.Experiment} {assignment.Key}");
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
