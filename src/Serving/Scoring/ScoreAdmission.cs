using Microsoft.AspNetCore.Http;
using Serving.Observability;

namespace Serving.Scoring;

/// <summary>Counts the pairs that HTTP requests have in work, and refuses requests beyond a limit. Thread-safe.</summary>
internal sealed class ScoreAdmission(int limit)
{
    private static readonly TimeSpan _retryAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private int _pairs;

    /// <summary>Takes a request in; whoever disposes the result says that it is over.</summary>
    /// <exception cref="ApiException">Too many pairs are in work already (429). When there are none, a request of any size is taken.</exception>
    public Place Enter(int pairs)
    {
        lock (_lock)
        {
            if (_pairs > 0 && _pairs + pairs > limit)
            {
                throw new ApiException(new ApiError(
                    StatusCodes.Status429TooManyRequests,
                    "rate_limit_error",
                    "overloaded",
                    $"{_pairs} pairs are being scored, and {pairs} more would exceed Scoring:AdmissionLimit ({limit}); retry later.",
                    RetryAfter: _retryAfter));
            }

            _pairs += pairs;
            return new Place(this, pairs);
        }
    }

    private void Leave(int pairs)
    {
        lock (_lock)
        {
            _pairs -= pairs;
        }
    }

    /// <summary>A request's share of the limit.</summary>
    internal readonly struct Place(ScoreAdmission admission, int pairs) : IDisposable
    {
        public void Dispose() => admission.Leave(pairs);
    }
}
