using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.EpisodeTools;

/// <summary>
/// JSON values without loss: texts that are no valid UTF-16 keep the lone half as its \u escape, numbers that JSON lacks are the texts "NaN", "Infinity"
/// and "-Infinity". Stateless.
/// </summary>
public static class JsonLines
{
    /// <summary>Text beyond ASCII as it is.</summary>
    public static JsonWriterOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A member; a lone half of a surrogate pair is kept as its escape.</summary>
    public static void Text(Utf8JsonWriter json, string name, string value)
    {
        json.WritePropertyName(name);
        Text(json, value);
    }

    /// <summary>A value of the same kind.</summary>
    public static void Text(Utf8JsonWriter json, string value)
    {
        if (LoneHalf(value) < 0)
        {
            json.WriteStringValue(value);
            return;
        }

        var escaped = new StringBuilder("\"");
        for (var i = 0; i < value.Length; i++)
        {
            if (char.IsHighSurrogate(value[i]) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]))
            {
                escaped.Append(value, i++, 2);
            }
            else if (value[i] is < ' ' or '"' or '\\' || char.IsSurrogate(value[i]))
            {
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)value[i]:x4}");
            }
            else
            {
                escaped.Append(value[i]);
            }
        }

        json.WriteRawValue(escaped.Append('"').ToString(), skipInputValidation: true);
    }

    /// <summary>Names are for people: a lone half becomes U+FFFD.</summary>
    public static void Name(Utf8JsonWriter json, string name) =>
        json.WritePropertyName(LoneHalf(name) < 0 ? name : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(name)));

    /// <summary>A member; the shortest digits that give the float64 back.</summary>
    public static void Number(Utf8JsonWriter json, string name, double value)
    {
        json.WritePropertyName(name);
        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteStringValue(Named(value));
        }
    }

    /// <summary>The shortest digits that give the float32 back.</summary>
    public static void Number(Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteStringValue(Named(value));
        }
    }

    /// <summary>A member that is an array.</summary>
    public static void Numbers(Utf8JsonWriter json, string name, float[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            Number(json, value);
        }

        json.WriteEndArray();
    }

    /// <summary>A member that is an array.</summary>
    public static void Numbers(Utf8JsonWriter json, string name, int[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static string Named(double value) => double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    private static int LoneHalf(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]))
            {
                if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    return i;
                }

                i++;
            }
        }

        return -1;
    }
}
