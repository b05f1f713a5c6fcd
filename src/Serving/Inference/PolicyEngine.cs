namespace Serving.Inference;

/// <summary>
/// Owns one engine thread that runs plan, reserve, run, sample, commit for every sequence of one policy version.
/// All methods are thread-safe; cancelling frees the slot at the next step.
/// </summary>
public sealed class PolicyEngine : IDisposable
{
    /// <summary>Samples N candidates from one prefill; returns when all have finished, ordered by index.</summary>
    /// <param name="request">Prompt and sampling.</param>
    /// <param name="finished">Called on a pool thread as each candidate finishes, so scoring can begin; may be null.</param>
    /// <param name="cancellationToken">Abandons the whole group.</param>
    /// <exception cref="InvalidRequestException">The prompt is empty, too long or holds an unknown id.</exception>
    /// <exception cref="OverloadedException">The admission queue is full.</exception>
    public Task<Candidate[]> SampleAsync(SampleRequest request, Action<Candidate>? finished, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    /// <summary>Streams one candidate (request.Candidates = 1). Validates at the call, before the first MoveNextAsync.</summary>
    public IAsyncEnumerable<TokenEvent> StreamAsync(SampleRequest request, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
