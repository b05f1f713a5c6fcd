using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Experiments;

/// <summary>How this room's records look on disk and over HTTP: snake_case, nothing for what is not known, numbers only where numbers belong.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(Pair))]
[JsonSerializable(typeof(GateRules))]
[JsonSerializable(typeof(GateState))]
[JsonSerializable(typeof(ExperimentReport))]
internal sealed partial class ExperimentJson : JsonSerializerContext;
