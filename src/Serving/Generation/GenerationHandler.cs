using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Serving.Generation;

/// <summary>One HTTP request from its body to its answer. Thread-safe.</summary>
public sealed class GenerationHandler(
    GenerationRouter router,
    BestOfNGenerator bestOfN,
    DirectGenerator direct,
    PromptEchoes echoes,
    AnswerStream streams,
    IOptions<GenerationOptions> options)
{
    private readonly GenerationOptions _options = options.Value;

    public async Task AnswerAsync(AnswerKind kind, HttpContext context, CancellationToken cancellationToken)
    {
        using var body = await RequestBody.ReadAsync(context.Request, _options, cancellationToken);
        using var job = router.Begin(RequestParser.Parse(kind, body.RootElement, _options));
        if (job.Request.Stream)
        {
            await streams.WriteAsync(job, context.Response, cancellationToken);
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
    }
}
