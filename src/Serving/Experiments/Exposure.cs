using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Experiments;

/// <summary>One request for "auto" that was answered: what users meet, arm by arm. Holds no text. Immutable.</summary>
/// <param name="Id">Of the answer; feedback names it.</param>
/// <param name="Time">UTC.</param>
/// <param name="Assignment">The arm, and how it was drawn.</param>
/// <param name="Policy">"name@version" that answered.</param>
/// <param name="Milliseconds">From the request's arrival to its whole answer.</param>
/// <param name="Tokens">Sampled for it, all candidates together.</param>
public sealed record Exposure(string Id, DateTimeOffset Time, Assignment Assignment, string Policy, double Milliseconds, int Tokens);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Exposure))]
internal sealed partial class ExposureJson : JsonSerializerContext;
