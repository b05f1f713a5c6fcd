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
            new(StatusCodes.Status429TooManyRequests, "rate_limit_error", "overloaded", overloaded.Message, null, overloaded.RetryAfter),
        DeadlineExceededException late => new(StatusCodes.Status504GatewayTimeout, ApiError.ServerError, "deadline_exceeded", late.Message),
        ScorerException scorer => ServerFault("scorer_failed", scorer),
        // Not "busy, come back": the answer exists, but it may not go out before its record is safe.
        EpisodeLogException log => ServerFault("episode_log_failed", log),
        InferenceFailedException failed => ServerFault("inference_failed", failed),
        _ => null,
    };

    private static ApiError ServerFault(string code, Exception exception) =>
        new(StatusCodes.Status500InternalServerError, ApiError.ServerError, code, exception.Message);
}
