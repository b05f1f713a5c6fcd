using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Experiments;

/// <summary>The figures of one candidate, which grow with its log. Not thread-safe.</summary>
internal sealed partial class CandidateFigures(string candidate, GrowingFile log)
{
    private const double Denser = 1.03;                                // each point of a course lies this much further than the last
    private const double Confidence = 0.05;

    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<string> _judges = [];
    private readonly List<StretchReport> _closed = [];
    private readonly List<IntervalPoint> _course = [];
    private PairedInterval _quantiles = new(Confidence);
    private PromotionGate? _gate;
    private Pair? _first;
    private Pair? _last;
    private int _n;
    private double _next;

    /// <summary>The report with all pairs that are there now; null without any.</summary>
    /// <param name="recorded">Rules of the last decision about it; null = none was made.</param>
    /// <param name="usual">The rules that are set now, for a baseline with this N.</param>
    /// <exception cref="ExperimentException">A line is damaged; the message says which and what to do.</exception>
    public CandidateReport? Update(GateRules? recorded, Func<int, GateRules> usual)
    {
        if (log.IsNew() || (recorded is not null && _gate is not null && recorded != _gate.Rules))
        {
            Restart();
        }

        foreach (var (line, isLast) in log.NewLines())
        {
            var (pair, fault) = PairLog.Parse(line);
            if (pair is null && isLast)
            {
                break;                                                 // perhaps torn: its writer will cut it, or go on
            }

            if (pair is null)
            {
                throw new ExperimentException(PairLog.Damage(log.Path, log.Line, fault!));
            }

            _gate ??= new PromotionGate(recorded ?? usual(CandidatesOf(pair)));
            Add(pair);
        }

        return _gate is null ? null : Report();
    }

    private void Restart()
    {
        log.Restart();
        _ids.Clear();
        _judges.Clear();
        _closed.Clear();
        _course.Clear();
        _quantiles = new PairedInterval(Confidence);
        (_gate, _first, _last) = (null, null, null);
    }

    private void Add(Pair pair)
    {
        if (!_ids.Add(pair.Id))
        {
            return;
        }

        if (_last is null || !pair.Continues(_last))
        {
            if (_last is not null)
            {
                _closed.Add(Stretch());
            }

            _course.Clear();
            (_n, _next) = (0, 1);
        }

        _gate!.Add(pair);
        _first ??= pair;
        _last = pair;
        if (++_n >= _next)
        {
            _course.Add(Point());
            _next = Math.Max(_n + 1, _n * Denser);
        }

        if (pair.Judge is { } judge)
        {
            _judges.Add(judge);
        }

        if (pair.Quantile is { } quantile)
        {
            _quantiles.Add(quantile);
        }
    }

    private CandidateReport Report() => new()
    {
        Candidate = candidate,
        Pairs = _ids.Count,
        First = _first?.Time,
        Last = _last?.Time,
        Judges = [.. _judges],
        Rules = _gate!.Rules,
        Stretches = [.. _closed, Stretch()],
        EffectiveN = EffectiveN(),
    };

    private StretchReport Stretch() => new() { State = _gate!.State(), Course = _course.Count > 0 && _course[^1].N == _n ? [.. _course] : [.. _course, Point()] };

    private IntervalPoint Point() => new(_n, _gate!.Quality.MeanDifference, _gate.Quality.Difference.Lower, _gate.Quality.Difference.Upper);

    /// <summary>One answer of N is on average no worse than N/(N+1) of single ones; this is the other way round.</summary>
    private EffectiveNReport? EffectiveN()
    {
        static double? N(double quantile) => quantile < 1 ? quantile / (1 - quantile) : null;
        return _quantiles.Count == 0 ? null : new EffectiveNReport(_quantiles.Count, N(_quantiles.Mean), N(_quantiles.Value.Lower), N(_quantiles.Value.Upper));
    }

    /// <summary>N of a baseline: the arm's name tells it.</summary>
    private static int CandidatesOf(Pair pair) =>
        BestOf().Match(pair.Baseline.Arm) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : 1;

    [GeneratedRegex("^best-of-([1-9][0-9]{0,5}):")]
    private static partial Regex BestOf();
}
