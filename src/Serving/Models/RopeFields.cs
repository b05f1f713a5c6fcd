using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// The rotary fields of a config.json in both of their layouts: rope_theta and rope_scaling side by side, or both within rope_parameters, where
/// transformers 5 has moved them.
/// </summary>
internal static class RopeFields
{
    private const string Moved = "rope_parameters";
    private const string Classic = "rope_scaling";
    private const double DefaultTheta = 10_000;

    /// <summary>"type" is what rope_type was called at first.</summary>
    private static readonly string[] _typeFields = ["rope_type", "type"];

    private static readonly (string Word, RopeScalingKind? Value)[] _kinds =
    [
        ("default", null),
        ("linear", RopeScalingKind.Linear),
        ("llama3", RopeScalingKind.Llama3),
    ];

    public static double Theta(ConfigJson json)
    {
        var outside = json.NumberOr("rope_theta", DefaultTheta);
        return json.Section(Moved)?.NumberOr("rope_theta", outside) ?? outside;
    }

    public static RopeScaling? Scaling(ConfigJson json)
    {
        var section = json.Section(Moved) is { } moved && _typeFields.Any(moved.Has) ? moved : json.Section(Classic);
        if (section is null)
        {
            return null;
        }

        var field = _typeFields.FirstOrDefault(section.Has) ?? throw section.Error("rope_type is missing; supported are default, linear and llama3");
        if (section.Choice(field, _kinds) is not { } kind)
        {
            return null;
        }

        var scaling = new RopeScaling { Kind = kind, Factor = Number(section, "factor") };
        if (kind == RopeScalingKind.Llama3)
        {
            scaling = scaling with
            {
                LowFrequencyFactor = Number(section, "low_freq_factor"),
                HighFrequencyFactor = Number(section, "high_freq_factor"),
                OriginalMaxPositions = section.Size("original_max_position_embeddings"),
            };
        }

        return scaling.Factor < 1 ? throw section.Error($"factor ({scaling.Factor}) is less than 1")
            : kind == RopeScalingKind.Llama3 && scaling.HighFrequencyFactor <= scaling.LowFrequencyFactor
            ? throw section.Error($"high_freq_factor ({scaling.HighFrequencyFactor}) is not larger than low_freq_factor ({scaling.LowFrequencyFactor})")
            : scaling;
    }

    /// <summary>Every element of a head is rotated, by the same frequencies in every layer.</summary>
    public static void RefusePartial(ConfigJson json)
    {
        foreach (var section in new[] { json, json.Section(Moved), json.Section(Classic) }.OfType<ConfigJson>())
        {
            if (section.NumberOr("partial_rotary_factor", 1) is var part and not 1)
            {
                throw section.Error($"partial_rotary_factor is {part}; only 1 is supported");
            }
        }

        json.Section(Moved)?.RequireAbsent("full_attention");
        json.Section(Moved)?.RequireAbsent("sliding_attention");
    }

    public static JsonObject Write(RopeScaling scaling)
    {
        var json = new JsonObject
        {
            ["rope_type"] = _kinds.First(known => known.Value == scaling.Kind).Word,
            ["factor"] = scaling.Factor,
        };
        if (scaling.Kind == RopeScalingKind.Llama3)
        {
            json["low_freq_factor"] = scaling.LowFrequencyFactor;
            json["high_freq_factor"] = scaling.HighFrequencyFactor;
            json["original_max_position_embeddings"] = scaling.OriginalMaxPositions;
        }

        return json;
    }

    private static double Number(ConfigJson section, string field) =>
        section.Has(field) ? section.NumberOr(field, 1) : throw section.Error($"{field} is missing");
}
