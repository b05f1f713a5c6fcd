using System.Diagnostics;

namespace Serving.Inference;

/// <summary>When a candidate came to be, in ticks of <see cref="Stopwatch"/>.</summary>
/// <param name="First">Its first token was drawn; 0 = never sampled by an engine.</param>
/// <param name="Last">Its last token was drawn.</param>
public readonly record struct CandidateTimes(long First, long Last)
{
    /// <summary>From the first token to the last.</summary>
    public TimeSpan Decoding => Stopwatch.GetElapsedTime(First, Last);
}
