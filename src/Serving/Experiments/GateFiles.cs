using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Experiments;

/// <summary>Rules and verdicts as they lie in the inputs of a decision: {"rules": ..., "state": ...}. Stateless.</summary>
public static class GateFiles
{
    /// <summary>Member of a decision's inputs that holds the rules.</summary>
    public const string Rules = "rules";

    /// <summary>Member of a decision's inputs that holds the state.</summary>
    public const string State = "state";

    /// <summary>What <see cref="ReadRules"/> reads back without loss.</summary>
    public static JsonObject ToJson(GateRules rules) => JsonSerializer.SerializeToNode(rules, ExperimentJson.Default.GateRules)!.AsObject();

    /// <summary>What <see cref="ReadState"/> reads back without loss.</summary>
    public static JsonObject ToJson(GateState state) => JsonSerializer.SerializeToNode(state, ExperimentJson.Default.GateState)!.AsObject();

    /// <summary>The rules of a decision; null when its inputs hold none, as those of an operator.</summary>
    /// <exception cref="ExperimentException">They are there and damaged.</exception>
    public static GateRules? ReadRules(JsonObject? inputs) => Read(inputs, Rules, node => node.Deserialize(ExperimentJson.Default.GateRules));

    /// <summary>The verdict of a decision; null when its inputs hold none, as those of an operator.</summary>
    /// <exception cref="ExperimentException">It is there and damaged.</exception>
    public static GateState? ReadState(JsonObject? inputs) => Read(inputs, State, node => node.Deserialize(ExperimentJson.Default.GateState));

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
