using Microsoft.AspNetCore.Http;
using Serving.Episodes;
using Serving.Inference;
using Serving.Observability;
using Serving.Scoring;

namespace Serving.Generation;

/// <summary>How the exceptions of sampling and scoring are answered.</summary>
internal static class GenerationErrors
{
    public static ApiError? Describe(Exception exception) => exception switch
    {
        InvalidRequestException invalid => ApiError.BadRequest(invalid.Message, invalid.Parameter),
        OverloadedException overloaded =>
            new(StatusCodes.Status429TooManyRequests, "rate_limit_error", "overloaded", overloaded.Message, RetryAfter: overloaded.RetryAfter),
        ScorerException scorer => new(StatusCodes.Status500InternalServerError, ApiError.ServerError, "scorer_failed", scorer.Message),
        // Not "busy, come back": the answer exists, but it may not go out before its record is safe.
        EpisodeLogException log => new(StatusCodes.Status500InternalServerError, ApiError.ServerError, "episode_log_failed", log.Message),
        InferenceFailedException failed => new(StatusCodes.Status500InternalServerError, ApiError.ServerError, "inference_failed", failed.Message),
        _ => null,
    };
}
