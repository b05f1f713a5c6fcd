using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Requests;

namespace Serving.Scoring;

/// <summary>The routes of scores by path, in the shapes of vLLM, Jina, Cohere and OpenRLHF. Immutable.</summary>
public sealed class ScoreRoutes(ScoreHandler handler)
{
    public IReadOnlyList<JsonRoute> All { get; } =
    [
        .. Paths("/v1/score", "/score").Select(path => Route(path, handler.ScoreAsync, ScoringJson.Readable.ScoreAnswer)),
        .. Paths("/v1/rerank", "/rerank").Select(path => Rerank(handler, path, returnDocuments: true)),
        Rerank(handler, "/v2/rerank", returnDocuments: false),
        .. Paths("/v1/classify", "/classify").Select(path => Route(path, handler.ClassifyAsync, ScoringJson.Readable.ClassifyAnswer)),
        Route("/v1/reward", handler.RewardAsync, ScoringJson.Readable.RewardAnswer),
        Route("/get_reward", (body, _, cancellationToken) => handler.RewardsAsync(body, cancellationToken), ScoringJson.Readable.RewardList),
    ];

    private static string[] Paths(params string[] paths) => paths;

    private static JsonRoute Rerank(ScoreHandler handler, string path, bool returnDocuments) => Route(
        path, (body, stamp, cancellationToken) => handler.RerankAsync(body, returnDocuments, stamp, cancellationToken), ScoringJson.Readable.RerankAnswer);

    private static JsonRoute Route<T>(string path, Func<JsonElement, RequestStamp, CancellationToken, Task<T>> answer, JsonTypeInfo<T> type) =>
        new(path, async (body, stamp, cancellationToken) => JsonSerializer.SerializeToUtf8Bytes(await answer(body, stamp, cancellationToken), type));
}
