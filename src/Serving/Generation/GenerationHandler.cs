using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>One request from its body to its answer, over HTTP or from a file of requests. Thread-safe.</summary>
public sealed class GenerationHandler(
    GenerationRouter router,
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    PromptEchoes echoes,
    AnswerStream streams,
    IEnumerable<ApiErrorRule> rules,
    IOptions<GenerationOptions> options,
    IOptions<RequestOptions> requests,
    TimeProvider time)
{
    private readonly GenerationOptions _options = options.Value;

    /// <summary>Over HTTP, whole or as a stream.</summary>
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

    /// <summary>The same without HTTP: the answer follows from body and stamp alone, so what would depend on other requests is refused.</summary>
    /// <exception cref="ApiException">The body is wrong, or asks for a stream or for an early stop learnt from other requests.</exception>
    public async Task<byte[]> AnswerAsync(AnswerKind kind, JsonElement body, RequestStamp stamp, CancellationToken cancellationToken)
    {
        var request = RequestParser.Parse(kind, body, _options);
        if (request.Stream)
        {
            throw RequestFields.Unsupported("stream", "is not supported in a file of requests: leave it out.");
        }

        if (request.BestOfN?.EarlyStop is { At: null })
        {
            throw RequestFields.Unsupported(
                "best_of_n.early_stop", "is true, which learns from the requests before; in a file of requests send {\"at\": total}.");
        }

        using var job = router.Begin(request, stamp);
        return (await WholeAsync(job, cancellationToken)).Answer;
    }

    private async Task AnswerAsync(AnswerKind kind, HttpContext context, RequestTelemetry telemetry, CancellationToken cancellationToken)
    {
        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, cancellationToken);
        using var job = router.Begin(RequestParser.Parse(kind, body.RootElement, _options), RequestStamp.Now(time));
        telemetry.Accepted(job);
        if (job.Request.Stream)
        {
            telemetry.Answered(await streams.WriteAsync(job, context.Response, cancellationToken));
            return;
        }

        var (answer, result) = await WholeAsync(job, cancellationToken);
        await RequestRegistration.WriteAsync(context.Response, answer, cancellationToken);
        telemetry.Answered(result);
    }

    private async Task<(byte[] Answer, GenerationResult Result)> WholeAsync(GenerationJob job, CancellationToken cancellationToken)
    {
        var prompts = await echoes.OfAsync(job, cancellationToken);
        var result = job.Candidates is { } count
            ? await bestOfN.GenerateAsync(job, count, cancellationToken)
            : await direct.GenerateAsync(job, cancellationToken);
        return (AnswerFormat.Of(job.Request.Kind).Whole(job, result, prompts), result);
    }
}
