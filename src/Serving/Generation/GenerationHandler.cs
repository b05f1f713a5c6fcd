using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>One HTTP request from its body to its answer. Thread-safe.</summary>
public sealed class GenerationHandler(
    GenerationRouter router,
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    AnswerStream streams,
    IOptions<GenerationOptions> options,
    IOptions<RequestOptions> requests)
{
    private readonly GenerationOptions _options = options.Value;

    public async Task AnswerAsync(AnswerKind kind, HttpContext context, CancellationToken cancellationToken)
    {
        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, cancellationToken);
        using var job = router.Begin(RequestParser.Parse(kind, body.RootElement, _options));
        if (job.Request.Stream)
        {
            await streams.WriteAsync(job, context.Response, cancellationToken);
            return;
        }

        var result = job.Candidates is { } count
            ? await bestOfN.GenerateAsync(job, count, cancellationToken)
            : await direct.GenerateAsync(job, cancellationToken);
        var answer = AnswerFormat.Of(kind).Whole(job, result);
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = answer.Length;
        await context.Response.Body.WriteAsync(answer, cancellationToken);
    }
}
