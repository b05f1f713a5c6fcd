using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Serving.Requests;

namespace Serving.Scoring;

/// <summary>
/// One request for scores from its body to its answer: read, score every pair, answer in the asked shape. All routes give the numbers of the same
/// scorers. Thread-safe.
/// </summary>
public sealed class ScoreHandler(Scorecards scorecards, IOptions<ScoringOptions> options)
{
    /// <summary>Beyond this many a span for each pair and scorer would push a request's own span out of the exporter's queue.</summary>
    private const int MostTracedPairs = 64;

    private const string Aggregation = "mean over sentences; each sentence by the source unit with its largest log-probability of entailment";

    private readonly int _mostPairs = options.Value.MaxPairs;
    private readonly ScoreAdmission _admission = new(options.Value.AdmissionLimit);

    /// <summary>/v1/score.</summary>
    public async Task<ScoreAnswer> ScoreAsync(JsonElement body, RequestStamp stamp, CancellationToken cancellationToken)
    {
        var fields = new RequestFields(body, "");
        var target = ScoreTarget.Of(fields.Text("model"), scorecards);
        var rawScores = fields.Flag("raw_scores") ?? false;
        var pairs = ScoreRequests.Pairs(fields, _mostPairs);
        var raw = await RawAsync(target, pairs, cancellationToken);
        return new ScoreAnswer(
            Id("score", stamp),
            "list",
            stamp.Created.ToUnixTimeSeconds(),
            target.Name,
            [.. raw.Select((value, i) => new ScoredPair(
                i, "score", rawScores ? value : target.Relevance(value), value, target.Name, target.Digest, target.Calibration))],
            Usage(target, pairs));
    }

    /// <summary>/v1/rerank; ties stand in the order of the request.</summary>
    /// <param name="body">The request.</param>
    /// <param name="returnDocuments">What the route does where the request does not say: Jina's returns the texts, Cohere's does not.</param>
    /// <param name="stamp">Gives the answer its id.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<RerankAnswer> RerankAsync(JsonElement body, bool returnDocuments, RequestStamp stamp, CancellationToken cancellationToken)
    {
        var request = ScoreRequests.Rerank(new RequestFields(body, ""), _mostPairs, returnDocuments);
        var target = ScoreTarget.Of(request.Model, scorecards);
        ScorePair[] pairs = [.. request.Documents.Select(document => new ScorePair(request.Query, document))];
        var raw = await RawAsync(target, pairs, cancellationToken);
        return new RerankAnswer(
            Id("rerank", stamp),
            target.Name,
            Usage(target, pairs),
            target.Name,
            target.Digest,
            target.Calibration,
            [.. Enumerable.Range(0, raw.Length).OrderByDescending(i => raw[i]).Take(request.TopN).Select(i => new RankedDocument(
                i,
                request.ReturnDocuments ? new DocumentText(request.Documents[i]) : null,
                request.RawScores ? raw[i] : target.Relevance(raw[i]),
                raw[i]))]);
    }

    /// <summary>/classify.</summary>
    public async Task<ClassifyAnswer> ClassifyAsync(JsonElement body, RequestStamp stamp, CancellationToken cancellationToken)
    {
        var fields = new RequestFields(body, "");
        var target = ScoreTarget.Of(fields.Text("model") ?? "entailment", scorecards);
        if (!scorecards.Scorers.TryGetValue(target.Name, out var scorer) || scorer is not EntailmentModel model)
        {
            throw RequestFields.Invalid("model", $"is \"{target.Name}\", which has no classes; \"entailment\" has.");
        }

        var pairs = ScoreRequests.Inputs(fields, _mostPairs);
        using var place = _admission.Enter(pairs.Count);
        var reports = await Task.WhenAll(pairs.Select(pair => model.JudgeAsync(pair.Source, pair.Answer, cancellationToken)));
        return new ClassifyAnswer(
            Id("classify", stamp), "list", stamp.Created.ToUnixTimeSeconds(), target.Name, target.Name, target.Digest, Aggregation, [.. reports.Select(Classified)], Usage(target, pairs));
    }

    /// <summary>/v1/reward.</summary>
    public async Task<RewardAnswer> RewardAsync(JsonElement body, RequestStamp stamp, CancellationToken cancellationToken)
    {
        var fields = new RequestFields(body, "");
        var name = fields.Text("scorecard") ?? fields.Text("model");
        var target = ScoreTarget.Of(name, scorecards);
        var card = scorecards.Find(target.Name)
            ?? throw RequestFields.Invalid("model", $"is the scorer \"{target.Name}\"; /v1/reward gives a scorecard: {string.Join(", ", scorecards.Names)}.");
        var (source, answer) = ScoreRequests.Conversation(fields);
        using var place = _admission.Enter(1);
        var score = await card.ScoreAsync(source, answer, cancellationToken);
        return new RewardAnswer(
            Id("reward", stamp),
            "reward",
            stamp.Created.ToUnixTimeSeconds(),
            card.Scorecard,
            card.Digest,
            score.Total,
            score.Values.ToDictionary(),
            card.Entries.ToDictionary(entry => entry.Scorer, entry => entry.Weight),
            score.Vetoed);
    }

    /// <summary>/get_reward: raw values, as trainers want them.</summary>
    public async Task<RewardList> RewardsAsync(JsonElement body, CancellationToken cancellationToken)
    {
        var fields = new RequestFields(body, "");
        var target = ScoreTarget.Of(fields.Text("model"), scorecards);
        var raw = await RawAsync(target, ScoreRequests.Queries(fields, _mostPairs), cancellationToken);
        return new RewardList(raw, raw, new Dictionary<string, IReadOnlyList<double>>());
    }

    private async Task<double[]> RawAsync(ScoreTarget target, IReadOnlyList<ScorePair> pairs, CancellationToken cancellationToken)
    {
        if (pairs.Count > MostTracedPairs)
        {
            Activity.Current = null;                                   // of this method: its pairs open no spans
        }

        using var place = _admission.Enter(pairs.Count);
        return await Task.WhenAll(pairs.Select(pair => target.RawAsync(pair.Source, pair.Answer, cancellationToken)));
    }

    private static ClassifiedPair Classified(EntailmentReport report, int index)
    {
        float[] mean = [.. report.Labels.Select((_, label) => report.Sentences.Average(sentence => sentence.Probabilities[label]))];
        return new ClassifiedPair(
            index,
            Largest(report.Labels, mean),
            report.Labels,
            mean,
            mean.Length,
            report.Mean,
            report.Min,
            [.. report.Sentences.Select(sentence => new ClassifiedSentence(
                sentence.Sentence, Largest(report.Labels, sentence.Probabilities), sentence.Probabilities, sentence.Unit, sentence.Units, sentence.Cut))]);
    }

    private static string Largest(IReadOnlyList<string> labels, IReadOnlyList<float> probabilities) =>
        labels[Enumerable.Range(0, labels.Count).MaxBy(label => probabilities[label])];

    private static ScoreUsage Usage(ScoreTarget target, IReadOnlyList<ScorePair> pairs)
    {
        var tokens = pairs.Sum(pair => target.TokensOf(pair.Source, pair.Answer));
        return new ScoreUsage(tokens, tokens);
    }

    private static string Id(string prefix, RequestStamp stamp) => $"{prefix}-{stamp.Id:N}";
}
