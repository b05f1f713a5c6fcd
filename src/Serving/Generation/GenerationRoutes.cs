using Serving.Requests;

namespace Serving.Generation;

/// <summary>The routes of answers by path, for files of requests; over HTTP they can stream too and are traced. Immutable.</summary>
public sealed class GenerationRoutes(GenerationHandler handler)
{
    public IReadOnlyList<JsonRoute> All { get; } =
    [
        new("/v1/chat/completions", (body, stamp, cancellationToken) => handler.AnswerAsync(AnswerKind.Chat, body, stamp, cancellationToken)),
        new("/v1/completions", (body, stamp, cancellationToken) => handler.AnswerAsync(AnswerKind.Text, body, stamp, cancellationToken)),
    ];
}
