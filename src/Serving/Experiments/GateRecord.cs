using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Experiments;

/// <summary>What a decision of the gate keeps of its evidence: with the pair log, all that it takes to decide again. Pure.</summary>
public static class GateRecord
{
    private const string Rules = "rules";
    private const string State = "state";

    /// <summary>Members "candidate", "digest", "rules" and "state".</summary>
    /// <param name="candidate">"name@version".</param>
    /// <param name="digest">Content digest of the version.</param>
    /// <param name="rules">What the gate went by.</param>
    /// <param name="state">What it had seen.</param>
    public static JsonObject Of(string candidate, string digest, GateRules rules, GateState state) => new()
    {
        ["candidate"] = candidate,
        ["digest"] = digest,
        [Rules] = JsonSerializer.SerializeToNode(rules, ExperimentJson.Default.GateRules),
        [State] = JsonSerializer.SerializeToNode(state, ExperimentJson.Default.GateState),
    };

    /// <summary>The rules in a decision's inputs; null when there are none, as when an operator decided.</summary>
    /// <exception cref="ExperimentException">They are there and damaged.</exception>
    public static GateRules? RulesOf(JsonObject? inputs) => Read(inputs, Rules, node => node.Deserialize(ExperimentJson.Default.GateRules));

    /// <summary>The verdict in a decision's inputs; null when there is none, as when an operator decided.</summary>
    /// <exception cref="ExperimentException">It is there and damaged.</exception>
    public static GateState? StateOf(JsonObject? inputs) => Read(inputs, State, node => node.Deserialize(ExperimentJson.Default.GateState));

    private static T? Read<T>(JsonObject? inputs, string name, Func<JsonNode, T?> read)
        where T : class
    {
        try
        {
            return inputs?[name] is { } node ? read(node) : null;
        }
        catch (JsonException e)
        {
            throw new ExperimentException($"The decision's inputs cannot be read: \"{name}\" ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
