using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Experiments;

/// <summary>Whether a decision of the gate comes out again from its pairs. Immutable.</summary>
/// <param name="Decided">The decision.</param>
/// <param name="IsSame">Null = it was not the gate's, there is nothing to replay.</param>
/// <param name="Remark">What differs, or why it cannot be told.</param>
internal sealed record Replay(Decided Decided, bool? IsSame, string Remark)
{
    // Logarithms may differ in the last bits between processors; nothing else may.
    private const double Tolerance = 1e-9;

    /// <summary>Makes the decision again.</summary>
    /// <param name="decided">What was decided.</param>
    /// <param name="pairs">The candidate's log.</param>
    public static Replay Of(Decided decided, IReadOnlyList<Pair> pairs)
    {
        if (decided is not { Rules: { } rules, State: { } recorded })
        {
            return new Replay(decided, null, $"by {decided.Decision.By}: there is nothing to replay");
        }

        if (pairs.Count < recorded.Position)
        {
            return new Replay(decided, false, $"its {recorded.Position} pairs are not there any more: the log has {pairs.Count}");
        }

        var gate = new PromotionGate(rules);
        foreach (var pair in pairs.Take(recorded.Position))
        {
            gate.Add(pair);
        }

        var again = gate.State();
        var differences = Differences("", Json(recorded), Json(again)).Concat(Acted(decided, again)).ToArray();
        return differences.Length == 0
            ? new Replay(decided, true, FormattableString.Invariant($"the same after {recorded.N} pairs: [{again.Lower:F4}, {again.Upper:F4}]"))
            : new Replay(decided, false, string.Join("; ", differences));
    }

    /// <summary>The kind of the decision is what the verdict asks for.</summary>
    private static IEnumerable<string> Acted(Decided decided, GateState state)
    {
        var (kind, verdict) = (DecisionReport.WordOf(decided.Decision.Kind), DecideVerb.Word(state.Decision));
        if (kind != verdict)
        {
            yield return $"it was decided to {kind}, and the pairs say {verdict}";
        }
    }

    private static JsonNode Json(GateState state) => JsonSerializer.SerializeToNode(state with { Reasons = [] }, ExperimentJson.Default.GateState)!;

    private static IEnumerable<string> Differences(string path, JsonNode? before, JsonNode? after)
    {
        if (before is JsonObject one && after is JsonObject other)
        {
            return one.Select(member => member.Key).Union(other.Select(member => member.Key)).SelectMany(key => Differences($"{path}{(path.Length == 0 ? "" : ".")}{key}", one[key], other[key]));
        }

        if (before is JsonArray first && after is JsonArray second && first.Count == second.Count)
        {
            return first.Zip(second).SelectMany((pair, i) => Differences($"{path}[{i}]", pair.First, pair.Second));
        }

        return IsEqual(before, after) ? [] : [$"{path} was {before?.ToJsonString() ?? "nothing"} and is {after?.ToJsonString() ?? "nothing"}"];
    }

    private static bool IsEqual(JsonNode? before, JsonNode? after) =>
        before is JsonValue a && after is JsonValue b && a.GetValueKind() is JsonValueKind.Number && b.GetValueKind() is JsonValueKind.Number
            ? Math.Abs(a.Deserialize(ExperimentJson.Default.Double) - b.Deserialize(ExperimentJson.Default.Double)) <= Tolerance * Math.Max(1, Math.Abs(a.Deserialize(ExperimentJson.Default.Double)))
            : JsonNode.DeepEquals(before, after);
}
