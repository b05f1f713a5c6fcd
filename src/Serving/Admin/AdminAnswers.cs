using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Serving.Models;

namespace Serving.Admin;

/// <summary>Answer of GET /admin/models.</summary>
public sealed record AdminModels(IReadOnlyList<AdminModel> Data);

/// <summary>One name of the registry that this server loads.</summary>
/// <param name="Name">Model name.</param>
/// <param name="Gated">Whether newer versions wait for a decision.</param>
/// <param name="Current">Version that the name means in this process now; null while none is loaded.</param>
/// <param name="Candidate">Version that is compared with it, if any.</param>
/// <param name="Pinned">Version that it is pinned to, if any.</param>
/// <param name="Promoted">Version that passed last, if any.</param>
/// <param name="Resident">Versions in memory.</param>
/// <param name="Versions">All versions on disk, oldest first.</param>
/// <param name="Decisions">All decisions, oldest first.</param>
/// <param name="Refused">Versions and decisions that are not used, and why.</param>
public sealed record AdminModel(
    string Name,
    bool Gated,
    string? Current,
    string? Candidate,
    string? Pinned,
    string? Promoted,
    IReadOnlyList<string> Resident,
    IReadOnlyList<AdminVersion> Versions,
    IReadOnlyList<AdminDecision> Decisions,
    IReadOnlyList<string> Refused);

/// <summary>One version on disk.</summary>
/// <param name="Version">Its number.</param>
/// <param name="Status">What it is now: current, pinned, promoted, candidate, previous, held back, retired.</param>
public sealed record AdminVersion(string Version, IReadOnlyList<string> Status, DateTimeOffset Created, string? Parent, string Digest);

/// <summary>One decision.</summary>
public sealed record AdminDecision(
    int Number, DateTimeOffset Time, string Kind, string Version, string? From, string By, string Reason, JsonObject? Inputs);

/// <summary>Answer of an action: the decision, and what the name means after it. What must be loaded first follows within seconds.</summary>
public sealed record AdminAction(AdminDecision Decision, string? Current, string? Candidate);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AdminModels))]
[JsonSerializable(typeof(AdminAction))]
internal sealed partial class AdminJson : JsonSerializerContext;
