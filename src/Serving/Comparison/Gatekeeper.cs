using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Experiments;
using Serving.Generation;
using Serving.Models;

namespace Serving.Comparison;

/// <summary>
/// Keeps the evidence on the versions of the distilled name, pair by pair, and acts on it when the gate is automatic: a decision is on disk before the server follows it. After a
/// restart the evidence comes back from the pair log. Not thread-safe.
/// </summary>
public sealed partial class Gatekeeper(
    PairLog pairs,
    DecisionLog decisions,
    VersionActions actions,
    ModelWatcher watcher,
    IOptions<ExperimentOptions> options,
    IOptions<GenerationOptions> generation,
    ILogger<Gatekeeper> logger)
{
    /// <summary>Who decides, in the records.</summary>
    public const string Name = "gate";

    private readonly ExperimentOptions _options = options.Value;
    private readonly Dictionary<string, PromotionGate> _gates = new(StringComparer.Ordinal);

    /// <summary>Logs one more pair about a version, durably, and decides. A pair that is known already changes nothing.</summary>
    /// <param name="version">The candidate, or the promoted version that is watched.</param>
    /// <param name="pair">Its candidate is the version.</param>
    /// <exception cref="IOException">The pair could not be logged; nothing was decided.</exception>
    /// <exception cref="ModelException">The decision could not be written; nothing has changed, and the next pair decides anew.</exception>
    public GateState Add(ModelFolder version, Pair pair)
    {
        var gate = GateOf(version);                                    // before the pair: it reads the log
        if (pairs.Append(pair))
        {
            gate.Add(pair);
        }

        var state = gate.State();
        if (_options.Gate == GateMode.Automatic && state.IsFinal)
        {
            Decide(version, gate, state);
        }

        return state;
    }

    private void Decide(ModelFolder version, PromotionGate gate, GateState state)
    {
        var (name, number) = (version.Manifest.Name, version.Number);
        var kind = state.Decision switch
        {
            GateDecision.Promote => DecisionKind.Promote,
            GateDecision.RollBack => DecisionKind.RollBack,
            _ => DecisionKind.Hold,
        };
        var reason = string.Join(' ', state.Reasons);
        decisions.Append(name, new Decision(kind, number, Name, reason) { From = actions.CurrentOf(name), Inputs = Inputs(version, gate, state) });
        watcher.LookNow(name);
        Log.Decided(logger, kind, version.Id, state.N, state.Mean, state.Lower, state.Upper, reason);
    }

    /// <summary>Rules and figures: with the pair log, all that it takes to decide again.</summary>
    private static JsonObject Inputs(ModelFolder version, PromotionGate gate, GateState state) => new()
    {
        ["candidate"] = version.Id,
        ["digest"] = version.Manifest.Digest,
        [GateFiles.Rules] = GateFiles.ToJson(gate.Rules),
        [GateFiles.State] = GateFiles.ToJson(state),
    };

    private PromotionGate GateOf(ModelFolder version)
    {
        if (!_gates.TryGetValue(version.Id, out var gate))
        {
            gate = new PromotionGate(Rules(version));
            foreach (var pair in PairLog.Read(_options.Root, version.Id))
            {
                gate.Add(pair);
            }

            _gates.Add(version.Id, gate);
        }

        return gate;
    }

    private GateRules Rules(ModelFolder version) =>
        GateRules.Of(_options, PairLog.Comparison(_options.Root, version.Id), generation.Value.Candidates, GateRules.KlOf(version.Manifest));

    private static partial class Log
    {
        [LoggerMessage(6101, LogLevel.Information, "{Decision} {Version} after {Pairs} pairs: judge {Mean:F4} [{Lower:F4}, {Upper:F4}] against Best-of-N. {Reasons}")]
        public static partial void Decided(ILogger logger, DecisionKind decision, string version, int pairs, double mean, double lower, double upper, string reasons);
    }
}
