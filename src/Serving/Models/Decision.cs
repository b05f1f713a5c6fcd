using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>What was decided about a version of a model.</summary>
public enum DecisionKind
{
    /// <summary>The version passed: the name means it from now on, and "auto" may go to it.</summary>
    Promote,

    /// <summary>The version did not pass: it is no candidate any more.</summary>
    Hold,

    /// <summary>The version is worse: it is no candidate any more, and when the name means it, the name means the version before again.</summary>
    RollBack,

    /// <summary>The name means this version, whatever else is decided, until it is unpinned.</summary>
    Pin,

    /// <summary>The pin is taken off.</summary>
    Unpin,

    /// <summary>The version is never used again; its folder may be deleted.</summary>
    Retire,
}

/// <summary>
/// One decision about a version. Immutable. Stored as one file, models/&lt;name&gt;/decisions/&lt;number&gt;.json, whose presence is its commit;
/// the file's layout: docs/formats.md.
/// </summary>
/// <param name="Kind">What was decided.</param>
/// <param name="Version">Number of the version that it is about, from 1.</param>
/// <param name="By">Who decided: "gate", "operator", ...</param>
/// <param name="Reason">Why, in words.</param>
public sealed record Decision(DecisionKind Kind, int Version, string By, string Reason)
{
    /// <summary>The kind as files, verbs and routes call it: "promote", "roll-back", ...</summary>
    public string Word => DecisionJson.Word(Kind);

    /// <summary>Its place in the order of decisions, from 1; given when it is appended.</summary>
    public int Number { get; init; }

    /// <summary>When it was appended.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>
    /// Version that the name meant before; where a roll-back of the first promotion leads. Null = what earlier decisions say.
    /// </summary>
    public int? From { get; init; }

    /// <summary>The figures that it was decided by; free-form.</summary>
    public JsonObject? Inputs { get; init; }
}
