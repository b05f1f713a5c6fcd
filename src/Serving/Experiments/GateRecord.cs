using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Experiments;

/// <summary>What a decision of the gate keeps of its evidence: with the pair log, all that it takes to decide again. Pure.</summary>
public static class GateRecord
{
    /// <summary>Members "candidate", "digest", "rules" and "state".</summary>
    /// <param name="candidate">"name@version".</param>
    /// <param name="digest">Content digest of the version.</param>
    /// <param name="rules">What the gate went by.</param>
    /// <param name="state">What it had seen.</param>
    public static JsonObject Of(string candidate, string digest, GateRules rules, GateState state) => new()
    {
        ["candidate"] = candidate,
        ["digest"] = digest,
        ["rules"] = JsonSerializer.SerializeToNode(rules, ExperimentJson.Default.GateRules),
        ["state"] = JsonSerializer.SerializeToNode(state, ExperimentJson.Default.GateState),
    };
}
