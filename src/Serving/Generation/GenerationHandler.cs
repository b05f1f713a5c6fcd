using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Episodes;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>One HTTP request from its body to its answer. Thread-safe.</summary>
public sealed class GenerationHandler(
    GenerationRouter router,
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    PromptEchoes echoes,
    AnswerStream streams,
    AnswerMemory memory,
    EpisodeLog episodes,
    TimeProvider time,
    IEnumerable<ApiErrorRule> rules,
    IOptions<GenerationOptions> options,
    IOptions<RequestOptions> requests)
{
    private readonly GenerationOptions _options = options.Value;

    public async Task AnswerAsync(AnswerKind kind, HttpContext context, CancellationToken cancellationToken)
    {
        using var telemetry = RequestTelemetry.Begin(kind, context.Request);
        try
        {
            await AnswerAsync(kind, context, telemetry, cancellationToken);
        }
        catch (Exception exception)
        {
            telemetry.Failed(cancellationToken.IsCancellationRequested ? "client_closed_request" : ApiErrors.Describe(exception, rules).Code);
            throw;
        }
    }

    private async Task AnswerAsync(AnswerKind kind, HttpContext context, RequestTelemetry telemetry, CancellationToken cancellationToken)
    {
        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, cancellationToken);
        using var attempt = RequestIdentity.Of(context.Request, body.RootElement) is { } identity ? await memory.BeginAsync(identity, cancellationToken) : null;
        if (attempt?.Earlier is { } earlier)
        {
            telemetry.Repeated();
            await earlier.WriteAsync(context.Response, cancellationToken);
            return;
        }

        using var job = router.Begin(
            RequestParser.Parse(kind, body.RootElement, _options),
            new RequestOrigin(telemetry.TraceId, attempt?.Identity.Digest ?? "", attempt is not null && IsLogged(attempt)));
        telemetry.Accepted(job);
        if (job.Request.Stream)
        {
            telemetry.Answered(await streams.WriteAsync(job, attempt, context.Response, cancellationToken));
            return;
        }

        telemetry.Answered(await WriteAsync(job, attempt, context.Response, cancellationToken));
    }

    /// <summary>A repeat whose first answer is forgotten, or was lost with an earlier process, while its episode is there.</summary>
    private bool IsLogged(Attempt attempt) =>
        attempt is { IsFirst: true, Identity.MayRepeat: true }
        && episodes.LastOf(attempt.Identity.Digest) is { } logged && logged >= time.GetUtcNow() - requests.Value.RememberAnswersFor;

    private async Task<GenerationResult> WriteAsync(GenerationJob job, Attempt? attempt, HttpResponse response, CancellationToken cancellationToken)
    {
        var prompts = await echoes.OfAsync(job, cancellationToken);
        var result = job.Candidates is { } count
            ? await bestOfN.GenerateAsync(job, count, cancellationToken)
            : await direct.GenerateAsync(job, cancellationToken);
        var answer = AnswerFormat.Of(job.Request.Kind).Whole(job, result, prompts);
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = answer.Length;
        attempt?.Complete(new RememberedAnswer(response.ContentType, answer));
        await response.Body.WriteAsync(answer, cancellationToken);
        return result;
    }
}
