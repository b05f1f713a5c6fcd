using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
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
        using var job = router.Begin(RequestParser.Parse(kind, body.RootElement, _options));
        telemetry.Accepted(job);
        if (job.Request.Stream)
        {
            telemetry.Answered(await streams.WriteAsync(job, context.Response, cancellationToken));
            return;
        }

        var prompts = await echoes.OfAsync(job, cancellationToken);
        var result = job.Candidates is { } count
            ? await bestOfN.GenerateAsync(job, count, cancellationToken)
            : await direct.GenerateAsync(job, cancellationToken);
        var answer = AnswerFormat.Of(kind).Whole(job, result, prompts);
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = answer.Length;
        await context.Response.Body.WriteAsync(answer, cancellationToken);
        telemetry.Answered(result);
    }
}
