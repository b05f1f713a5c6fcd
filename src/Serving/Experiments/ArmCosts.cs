namespace Serving.Experiments;

/// <summary>What the answers of one arm took: figures over those pairs in which both arms were measured. Not thread-safe.</summary>
internal sealed class ArmCosts
{
    private readonly LatencyQuantiles _latency = new();
    private double _tokens;
    private int _tokenCount;
    private double _seconds;
    private int _secondCount;

    /// <summary>Milliseconds; null = not measured.</summary>
    public double? P95Latency => _latency.Count == 0 ? null : _latency.At(0.95);

    /// <summary>Milliseconds; null = not measured.</summary>
    public double? MedianLatency => _latency.Count == 0 ? null : _latency.At(0.5);

    /// <summary>Mean tokens that were generated for an answer; null = not measured.</summary>
    public double? Tokens => _tokenCount == 0 ? null : _tokens / _tokenCount;

    /// <summary>Mean processor seconds of an answer; null = not measured.</summary>
    public double? Seconds => _secondCount == 0 ? null : _seconds / _secondCount;

    /// <summary>Takes an answer; what <paramref name="other"/> lacks is left out, so that both arms' figures are over the same prompts.</summary>
    public void Add(ComparedAnswer answer, ComparedAnswer other)
    {
        if (answer.LatencyMilliseconds is { } latency && other.LatencyMilliseconds is not null)
        {
            _latency.Add(latency);
        }

        if (answer.TokensSpent is { } tokens && other.TokensSpent is not null)
        {
            _tokens += tokens;
            _tokenCount++;
        }

        if (answer.ProcessorSeconds is { } seconds && other.ProcessorSeconds is not null)
        {
            _seconds += seconds;
            _secondCount++;
        }
    }

    /// <summary>The figures so far.</summary>
    public CostState State() => new() { MedianLatencyMilliseconds = MedianLatency, P95LatencyMilliseconds = P95Latency, TokensPerAnswer = Tokens, ProcessorSecondsPerAnswer = Seconds };
}
