using Microsoft.AspNetCore.Http;
using Serving.Observability;

namespace Serving.Generation;

/// <summary>The time that one request may take, joined with its caller's token. Cancelling it gives up all work of the request.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly TimeSpan _limit;
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _work;
    private Exception? _cause;

    public Deadline(TimeSpan limit, TimeProvider time, CancellationToken caller)
    {
        _limit = limit;
        _timer = new CancellationTokenSource(limit, time);
        _work = CancellationTokenSource.CreateLinkedTokenSource(_timer.Token, caller);
        Token = _work.Token;
        Caller = caller;
    }

    public CancellationToken Token { get; }

    private CancellationToken Caller { get; }

    /// <summary>Gives up the work for a reason that <see cref="Explain"/> will tell; the first reason counts.</summary>
    public void Fail(Exception cause)
    {
        Interlocked.CompareExchange(ref _cause, cause, null);
        Cancel();
    }

    public void Cancel()
    {
        try
        {
            _work.Cancel();
        }
        catch (ObjectDisposedException)                                // a late failure of work that nobody waits for any more
        {
        }
    }

    /// <summary>Why work was cancelled although its caller still waits; null when the caller has gone.</summary>
    public Exception? Explain() =>
        Caller.IsCancellationRequested ? null
        : _cause ?? (_timer.IsCancellationRequested ? Exceeded() : null);

    public void Dispose()
    {
        _work.Dispose();
        _timer.Dispose();
    }

    private ApiException Exceeded() => new(new ApiError(
        StatusCodes.Status504GatewayTimeout,
        ApiError.ServerError,
        "deadline_exceeded",
        $"The request took longer than {_limit} (Generation:Deadline) and was given up. Ask for fewer candidates or tokens."));
}
