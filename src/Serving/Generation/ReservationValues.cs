using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Serving.Generation;

/// <summary>
/// The totals at which early stopping stops, learnt from what Best-of-N reaches: a quantile of the best totals of recent groups, for each policy version, scorecard
/// and N. A group that stopped counts with the best that it had, which lies at or above the value and leaves the quantile where it is. Thread-safe.
/// </summary>
public sealed class ReservationValues(IOptions<GenerationOptions> options)
{
    /// <summary>Groups that must be known before anything stops early.</summary>
    public const int Least = 32;

    private const int Recent = 256;

    private readonly double _quantile = options.Value.EarlyStopQuantile;
    private readonly ConcurrentDictionary<(string Policy, string Scorecard, int Candidates), Window> _windows = new();

    /// <summary>The value for groups of a policy and a scorecard (digests) that may have so many candidates; null while too few are known.</summary>
    public double? Of(string policy, string scorecard, int candidates) =>
        _windows.TryGetValue((policy, scorecard, candidates), out var window) ? window.Quantile(_quantile) : null;

    /// <summary>Notes the best total of a group.</summary>
    public void Add(string policy, string scorecard, int candidates, double best) =>
        _windows.GetOrAdd((policy, scorecard, candidates), _ => new Window()).Add(best);

    private sealed class Window
    {
        private readonly Lock _lock = new();
        private readonly double[] _values = new double[Recent];
        private long _count;

        public void Add(double value)
        {
            lock (_lock)
            {
                _values[_count++ % Recent] = value;
            }
        }

        public double? Quantile(double share)
        {
            lock (_lock)
            {
                if (_count < Least)
                {
                    return null;
                }

                double[] known = [.. _values.Take((int)Math.Min(_count, Recent))];
                Array.Sort(known);
                return known[(int)Math.Round(share * (known.Length - 1))];
            }
        }
    }
}
