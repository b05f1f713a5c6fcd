using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Experiments;
using Serving.Generation;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Comparison;

/// <summary>
/// Compares arms on real prompts behind the users' backs: a share of the requests that were answered is answered by the other arm too, one at a time and when the engines
/// have nothing else to do, and the judge scores both answers. Whatever goes wrong here is logged and counted; no request ever waits for it or fails by it.
/// </summary>
internal sealed partial class ShadowRunner(
    AnsweredRequests answered,
    ArmGenerator generator,
    Gatekeeper gatekeeper,
    PolicyRegistry policies,
    Scorecards scorecards,
    ModelStore store,
    IOptions<ExperimentOptions> options,
    IOptions<GenerationOptions> generation,
    IOptions<ScoringOptions> scoring,
    IOptions<OnnxOptions> onnx,
    TimeProvider time,
    ILogger<ShadowRunner> logger) : BackgroundService
{
    private static readonly TimeSpan _idlePoll = TimeSpan.FromMilliseconds(10);

    /// <summary>On a server that is never idle the comparison goes on all the same, slowly.</summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(5);

    private readonly ExperimentOptions _options = options.Value;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_options.Gate == GateMode.Off || _options.ShadowShare == 0)
        {
            return;
        }

        while (!scorecards.Ready || !policies.Ready)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), time, stoppingToken);
        }

        using var judge = Open();
        if (judge is null)
        {
            return;
        }

        var maker = new PairMaker(judge, scorecards);
        await foreach (var request in answered.Open(IsSampled).ReadAllAsync(stoppingToken))
        {
            try
            {
                await CompareAsync(request, maker, stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                ComparisonTelemetry.Failed.Add(1);
                Log.NotCompared(logger, request.Id, e.Message, e is ModelException or IOException or ScorerException ? null : e);
            }
        }
    }

    private Judge? Open()
    {
        try
        {
            return Judge.Open(_options.Judge, store, scorecards, scoring.Value, onnx.Value);
        }
        catch (ModelException e)
        {
            Log.NoJudge(logger, e.Message);
            return null;
        }
    }

    /// <summary>By the answer's id, so that it does not depend on what else is asked.</summary>
    private bool IsSampled(string id) => Assignment.IsIn(id, _options.ShadowShare);

    private async Task CompareAsync(AnsweredRequest answered, PairMaker maker, CancellationToken cancellationToken)
    {
        var subjects = Subjects();
        if (subjects.Count == 0 || !IsComparable(answered))
        {
            return;
        }

        await IdleAsync(cancellationToken);
        var baseline = await BaselineAsync(answered, cancellationToken);
        foreach (var (version, isPromoted) in subjects)
        {
            if (await CandidateAsync(answered, version, cancellationToken) is not { } candidate)
            {
                continue;                                              // it was swapped out meanwhile
            }

            var assignment = answered.Assignment?.Experiment == version.Id ? answered.Assignment : null;
            var pair = await maker.PairAsync(answered.Id, time.GetUtcNow(), (candidate, version.Id), baseline, cancellationToken);
            gatekeeper.Add(version, pair with
            {
                IsPromoted = isPromoted,
                CandidateWasSeen = answered.Policy == version.Id,
                CandidateShare = assignment?.DistilledShare,
                CallerKey = assignment?.Key,
            });
            ComparisonTelemetry.Pairs.Add(1);
        }
    }

    /// <summary>The candidate, if there is one, and the version in use: before its promotion when nothing newer is there, after it to watch over it.</summary>
    private List<(ModelFolder Version, bool IsPromoted)> Subjects()
    {
        var subjects = new List<(ModelFolder, bool)>();
        var isPromoted = policies.IsPromoted(PolicyRegistry.DistilledAlias);
        var candidate = policies.Candidate(PolicyRegistry.DistilledAlias);
        if (candidate is not null)
        {
            subjects.Add((candidate, false));
        }

        using var lease = policies.Acquire(PolicyRegistry.DistilledAlias);
        if (lease is not null && (isPromoted || candidate is null)
            && policies.Deployment(PolicyRegistry.DistilledAlias).Allows(lease.Value.Folder.Number))
        {
            subjects.Add((lease.Value.Folder, isPromoted));
        }

        return subjects;
    }

    /// <summary>One prompt, one answer, nothing that only one arm can do; and the caller lets it be kept.</summary>
    private static bool IsComparable(AnsweredRequest answered) =>
        answered.Request is { Prompts.Count: 1, Answers: 1, Echo: false, Store: true } && answered.Request.Sampling.MaxTokens > 0;

    private async Task<(ArmAnswer Answer, string Arm)> BaselineAsync(AnsweredRequest answered, CancellationToken cancellationToken)
    {
        var count = generation.Value.Candidates;
        using var anchor = policies.Acquire(PolicyRegistry.AnchorAlias) ?? throw new ModelException("The anchor is not loaded.");
        var arm = $"best-of-{count}:{anchor.Value.Id}";

        // The answer that went out is as good as another, when it was made in the same way.
        if (answered.Policy == anchor.Value.Id && answered.Result.Ranking is { StopAt: null, FellBack: false } ranking
            && ranking.Asked == count && ranking.Digest == scorecards.Default.Digest)
        {
            return (ArmGenerator.Of(answered), arm);
        }

        var again = policies.Acquire(anchor.Value.Id) ?? throw new ModelException($"{anchor.Value.Id} is not loaded any more.");
        return (await generator.AnswerAsync(answered.Request, count, seed: null, again, cancellationToken), arm);
    }

    private async Task<ArmAnswer?> CandidateAsync(AnsweredRequest answered, ModelFolder version, CancellationToken cancellationToken)
    {
        if (answered.Policy == version.Id && answered.Result.Ranking is null)
        {
            return ArmGenerator.Of(answered);
        }

        return policies.Acquire(version.Id) is { } policy
            ? await generator.AnswerAsync(answered.Request, candidates: null, seed: null, policy, cancellationToken)
            : null;
    }

    private async Task IdleAsync(CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        while (policies.Current().Any(policy => policy.Engine.Statistics is not { ActiveRows: 0, WaitingCandidates: 0 }) && time.GetElapsedTime(begun) < _longestWait)
        {
            await Task.Delay(_idlePoll, time, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(6111, LogLevel.Warning, "Arms are not compared: {Problem} Publish a judge or set Experiments:Judge, and start again.")]
        public static partial void NoJudge(ILogger logger, string problem);

        [LoggerMessage(6112, LogLevel.Warning, "{Id} was not compared: {Problem}")]
        public static partial void NotCompared(ILogger logger, string id, string problem, Exception? exception);
    }
}
