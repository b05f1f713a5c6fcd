using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Experiments;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Feedback;

/// <summary>Takes feedback on answers that were logged, or that "auto" gave while arms are compared; it is on disk before the caller hears of it. Thread-safe.</summary>
public sealed class FeedbackHandler(EpisodeLookup episodes, ExposureLog exposures, FeedbackLog log, IEnumerable<ApiErrorRule> rules, IOptions<RequestOptions> requests, TimeProvider time)
{
    /// <exception cref="ApiException">The body is wrong (400), or speaks of an answer that is not in the log (404).</exception>
    public Task<FeedbackAnswer> TakeAsync(HttpContext context) =>
        ServedRequest.TraceAsync(context, rules, () => TakeAsync(context.Request, context.RequestAborted));

    private async Task<FeedbackAnswer> TakeAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var body = await RequestBody.ReadAsync(request, requests.Value, cancellationToken);
        var feedback = FeedbackParser.Parse(body.RootElement);
        if (!exposures.Knows(feedback.AnswerId) && !await episodes.ContainsAsync(feedback.AnswerId, cancellationToken))
        {
            throw Unknown(feedback);
        }

        var created = time.GetUtcNow();
        var id = Guid.CreateVersion7(created).ToString();
        if (!feedback.IsDryRun)
        {
            await log.AppendAsync(Record(feedback, id, created), cancellationToken);
        }

        return new FeedbackAnswer(id);
    }

    private static FeedbackRecord Record(FeedbackRequest feedback, string id, DateTimeOffset created) => new()
    {
        Id = id,
        Created = created,
        EpisodeId = feedback.AnswerId,
        Metric = feedback.Metric,
        Value = feedback.Value,
        Tags = feedback.Tags,
        Workload = feedback.Workload,
        Client = feedback.Client,
    };

    private static ApiException Unknown(FeedbackRequest feedback) => new(new ApiError(
        StatusCodes.Status404NotFound,
        ApiError.InvalidRequest,
        "inference_not_found",
        $"The log has no answer \"{feedback.AnswerId}\". Send the \"id\" of a Best-of-N answer of this server, or of one of model \"auto\" while arms are compared; other plain samples, answers asked for with "
        + "\"store\": false and deleted episodes take no feedback.",
        feedback.Field));
}
