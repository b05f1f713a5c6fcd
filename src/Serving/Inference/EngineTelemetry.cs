using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Serving.Observability;

namespace Serving.Inference;

/// <summary>
/// The engines' state as metrics, read when somebody asks, so that a step costs nothing. The suffixes are vLLM's, so that dashboards made for it
/// port by search and replace; what waits and runs are candidates, which vLLM too counts as requests. Levels are told by policy name: a version
/// that has left would keep its last one for ever. Counts are told by version, since a new engine begins at zero.
/// </summary>
internal sealed class EngineTelemetry(PolicyRegistry policies) : IHostedService
{
    // One meter for all hosts of a process: collectors take meters of one name for one, and would lose all with the first host that ends.
    private static readonly Meter _meter = new($"{Telemetry.Name}.{nameof(Inference)}");
    private static readonly ConcurrentDictionary<PolicyRegistry, bool> _registries = new();

    static EngineTelemetry()
    {
        _meter.CreateObservableGauge(
            "serving.num_requests_running", () => Levels(s => s.ActiveRows), "{candidate}", "Candidates that decode now.");
        _meter.CreateObservableGauge(
            "serving.num_requests_waiting", () => Levels(s => s.WaitingCandidates), "{candidate}", "Candidates without a row.");
        _meter.CreateObservableGauge(
            "serving.kv_cache_usage", () => Levels(s => s.KeyValueBytes), "By", "Keys and values of running answers and kept prompts.");
        _meter.CreateObservableCounter(
            "serving.prefix_cache_queries", () => Counts(s => s.PrefilledTokens + s.ReusedTokens), "{token}", "Prompt tokens, run or reused.");
        _meter.CreateObservableCounter(
            "serving.prefix_cache_hits", () => Counts(s => s.ReusedTokens), "{token}", "Prompt tokens that were not run, because an earlier prompt began with them.");
        _meter.CreateObservableCounter(
            "serving.generation_tokens", () => Counts(s => s.GeneratedTokens), "{token}", "Tokens sampled, those of all candidates.");
        _meter.CreateObservableCounter("serving.engine.steps", () => Counts(s => s.Steps), "{step}", "Runs of the model.");
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _registries.TryAdd(policies, true);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _registries.TryRemove(policies, out _);
        return Task.CompletedTask;
    }

    private static IEnumerable<Measurement<long>> Levels(Func<EngineStatistics, long> read) =>
        Read(registry => registry.Current(), read, policy => new KeyValuePair<string, object?>("serving.policy", policy.Folder.Manifest.Name));

    private static IEnumerable<Measurement<long>> Counts(Func<EngineStatistics, long> read) =>
        Read(registry => registry.Loaded(), read, policy => new KeyValuePair<string, object?>("gen_ai.response.model", policy.Id));

    private static IEnumerable<Measurement<long>> Read(
        Func<PolicyRegistry, IReadOnlyList<LoadedPolicy>> policies, Func<EngineStatistics, long> read, Func<LoadedPolicy, KeyValuePair<string, object?>> tag) =>
        from registry in _registries.Keys
        from policy in policies(registry)
        select new Measurement<long>(read(policy.Engine.Statistics), tag(policy));
}
