using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Requests;

namespace Serving.Scoring;

/// <summary>The routes of scores by path, in the shapes of vLLM, Jina, Cohere and OpenRLHF. Immutable.</summary>
public sealed class ScoreRoutes(ScoreHandler handler)
{
    public IReadOnlyList<JsonRoute> All { get; } =
    [
        .. Paths("/v1/score", "/score").Select(path => Route(
            path, "Scores of answers to a source.", "ScoreRequest", handler.ScoreAsync, ScoringJson.Readable.ScoreAnswer)),
        .. Paths("/v1/rerank", "/rerank").Select(path => Rerank(handler, path, returnDocuments: true)),
        Rerank(handler, "/v2/rerank", returnDocuments: false),
        .. Paths("/v1/classify", "/classify").Select(path => Route(
            path, "Entailment's classes of answers, sentence by sentence.", "ClassifyRequest", handler.ClassifyAsync, ScoringJson.Readable.ClassifyAnswer)),
        Route("/v1/reward", "The whole scorecard of a conversation's last message.", "RewardRequest", handler.RewardAsync, ScoringJson.Readable.RewardAnswer),
        Route(
            "/get_reward", "Raw scores for trainers.", "GetRewardRequest",
            (body, _, cancellationToken) => handler.RewardsAsync(body, cancellationToken), ScoringJson.Readable.RewardList),
    ];

    private static string[] Paths(params string[] paths) => paths;

    private static JsonRoute Rerank(ScoreHandler handler, string path, bool returnDocuments) => Route(
        path, "Documents by their score for a query, best first.", "RerankRequest",
        (body, stamp, cancellationToken) => handler.RerankAsync(body, returnDocuments, stamp, cancellationToken), ScoringJson.Readable.RerankAnswer);

    private static JsonRoute Route<T>(
        string path, string summary, string schema, Func<JsonElement, RequestStamp, CancellationToken, Task<T>> answer, JsonTypeInfo<T> type) => new(
            path,
            async (body, stamp, cancellationToken) => JsonSerializer.SerializeToUtf8Bytes(await answer(body, stamp, cancellationToken), type),
            new RouteDescription(summary, schema, typeof(T)));
}
