using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Experiments;

/// <summary>Who acts on the gate's evidence.</summary>
[JsonConverter(typeof(GateModeJson))]
public enum GateMode
{
    /// <summary>Nobody compares: the newest version of the distilled name that works is the current one.</summary>
    Off,

    /// <summary>Versions are compared and reported; an operator promotes and rolls back.</summary>
    Manual,

    /// <summary>Versions are promoted, held and rolled back as soon as the evidence is there.</summary>
    Automatic,
}

/// <summary>off, manual, automatic.</summary>
internal sealed class GateModeJson() : JsonStringEnumConverter<GateMode>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false);
