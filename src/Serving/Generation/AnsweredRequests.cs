using System.Threading.Channels;
using Serving.Experiments;

namespace Serving.Generation;

/// <summary>A request with the answer that went out. Immutable.</summary>
/// <param name="Id">Of the answer.</param>
/// <param name="Request">As it came.</param>
/// <param name="Policy">"name@version" that answered.</param>
/// <param name="Result">All candidates, and which of them went out.</param>
/// <param name="Duration">From the request's arrival to its whole answer.</param>
public sealed record AnsweredRequest(string Id, GenerationRequest Request, string Policy, GenerationResult Result, TimeSpan Duration)
{
    /// <summary>What scorers compared the answer with.</summary>
    public required string Source { get; init; }

    /// <summary>Which arm "auto" stood for; null when the request named what it wanted.</summary>
    public Assignment? Assignment { get; init; }
}

/// <summary>
/// Hands answered requests to whoever compares arms in the background. Offering never waits and costs nothing while nobody has asked (<see cref="Open"/>); when more come in than
/// are taken, the oldest are left out. Thread-safe.
/// </summary>
public sealed class AnsweredRequests
{
    private const int MostWaiting = 64;

    private readonly Channel<AnsweredRequest> _waiting = Channel.CreateBounded<AnsweredRequest>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest });

    private volatile Func<string, bool>? _isWanted;

    /// <summary>Begins to collect the requests whose answer's id is wanted.</summary>
    public ChannelReader<AnsweredRequest> Open(Func<string, bool> isWanted)
    {
        _isWanted = isWanted;
        return _waiting.Reader;
    }

    /// <summary>An answer has gone out.</summary>
    public void Offer(GenerationJob job, GenerationResult result, TimeSpan duration)
    {
        if (_isWanted?.Invoke(job.Id) == true)
        {
            _waiting.Writer.TryWrite(new AnsweredRequest(job.Id, job.Request, job.PolicyId, result, duration) { Source = job.Prompts[0].Source, Assignment = job.Assignment });
        }
    }
}
