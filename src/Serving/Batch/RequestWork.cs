using System.Text;
using Microsoft.AspNetCore.Http;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Batch;

/// <summary>
/// OpenAI's batch form: each line goes through the server's own route, without HTTP. Ids, and seeds where a request brings none, follow from the line, so
/// that a run gives the same bytes however often it was broken off. Thread-safe.
/// </summary>
/// <param name="routes">By path.</param>
/// <param name="describe">How exceptions are answered.</param>
/// <param name="limits">Of bodies.</param>
/// <param name="created">The time that answers carry.</param>
/// <param name="digest">Of scorers and policies.</param>
internal sealed class RequestWork(
    IReadOnlyDictionary<string, JsonRoute> routes, Func<Exception, ApiError> describe, RequestOptions limits, DateTimeOffset created, string digest) : LineWork
{
    public override string Name => "the models and scorecards of this server";

    public override string Digest => digest;

    public override async Task<LineResult> RunAsync(Line line, CancellationToken cancellationToken)
    {
        // The number counts too: sixteen equal lines are to be sixteen draws.
        var stamp = RequestStamp.Of(created, Encoding.ASCII.GetBytes($"{line.Number} {line.Digest}"));
        var request = RequestLine.Parse(line);
        try
        {
            var answer = await AnswerAsync(request, stamp, cancellationToken);
            return new(request.Answer(stamp.Id, StatusCodes.Status200OK, answer), Failed: false);
        }
        catch (Exception e) when (e is not BatchException && !cancellationToken.IsCancellationRequested)
        {
            var error = describe(e);
            return new(request.Answer(stamp.Id, error.Status, error.ToJson()), Failed: true);
        }
    }

    private async Task<byte[]> AnswerAsync(RequestLine request, RequestStamp stamp, CancellationToken cancellationToken)
    {
        if (request.Fault is { } fault)
        {
            throw new ApiException(fault);
        }

        if (!routes.TryGetValue(request.Url, out var route))
        {
            throw new ApiException(new ApiError(
                StatusCodes.Status404NotFound,
                ApiError.InvalidRequest,
                "unknown_url",
                $"There is no route POST {request.Url} for files of requests; there are: {string.Join(", ", routes.Keys)}.",
                "url"));
        }

        using var body = RequestBody.Parse(request.Body, limits);
        return await route.Answer(body.RootElement, stamp, cancellationToken);
    }
}
