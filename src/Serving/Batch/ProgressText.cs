using System.Globalization;

namespace Serving.Batch;

/// <summary>Tells how far a run is where there is no terminal to draw on: a line now and then, with the time that is left. Not thread-safe.</summary>
internal sealed class ProgressText(TextWriter target, TimeProvider time) : IProgress<ScoreProgress>
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(10);

    private long _begun;
    private long _told;
    private ScoreProgress? _first;

    public void Report(ScoreProgress value)
    {
        var now = time.GetTimestamp();
        if (_first is not { } first)
        {
            (_first, _begun, _told) = (value, now, now);
        }
        else if (time.GetElapsedTime(_told, now) >= _interval)
        {
            _told = now;
            target.WriteLine(Of(first, value, time.GetElapsedTime(_begun, now)));
        }
    }

    /// <summary>"12,000 lines, 24 %, 1,020 lines/s, 0:00:37 left".</summary>
    /// <param name="first">Where this run began.</param>
    /// <param name="now">Where it is.</param>
    /// <param name="elapsed">Time since then.</param>
    internal static string Of(ScoreProgress first, ScoreProgress now, TimeSpan elapsed)
    {
        var read = now.Position - first.Position;
        var left = read > 0 ? TimeSpan.FromSeconds(Math.Ceiling(elapsed.TotalSeconds * (now.Length - now.Position) / read)).ToString("g", CultureInfo.InvariantCulture) : "?";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{now.Lines:N0} lines, {100.0 * now.Position / Math.Max(1, now.Length):F0} %, {(now.Lines - first.Lines) / elapsed.TotalSeconds:N0} lines/s, {left} left");
    }
}
