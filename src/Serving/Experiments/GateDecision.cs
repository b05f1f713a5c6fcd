using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Experiments;

/// <summary>What the evidence says about a candidate.</summary>
[JsonConverter(typeof(GateDecisionJson))]
public enum GateDecision
{
    /// <summary>Nothing yet: go on comparing.</summary>
    Hold,

    /// <summary>It is not worse than the margin allows.</summary>
    Promote,

    /// <summary>It is worse than the margin allows.</summary>
    RollBack,
}

/// <summary>The words that files and terminals have for decisions: hold, promote, roll-back.</summary>
internal sealed class GateDecisionJson() : JsonStringEnumConverter<GateDecision>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false);
