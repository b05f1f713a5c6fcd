using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// Reads a small JSON file that somebody else may have written: every way in which it can be broken ends in one kind of exception.
/// </summary>
internal static class JsonFile
{
    internal static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>For messages: no escapes where none are needed.</summary>
    internal static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int LargestBytes = 16 << 20;

    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>
    /// The object in <paramref name="path"/>; <paramref name="error"/> makes the exception from a message that already names the file.
    /// </summary>
    public static JsonObject ReadObject(string path, Func<string, ModelException> error)
    {
        try
        {
            if (!File.Exists(path))
            {
                throw error($"{path}: no such file.");
            }

            using var file = File.OpenRead(path);
            if (file.Length > LargestBytes)
            {
                throw error($"{path}: {file.Length} bytes are too many for this file; the limit is {LargestBytes}.");
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            var root = JsonNode.Parse(bytes, null, _strict) as JsonObject
                ?? throw error($"{path}: expected a JSON object.");
            Touch(root);
            return root;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw error($"{path}: not valid JSON ({e.Message}).");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw error($"{path}: cannot be read ({e.Message}).");
        }
    }

    /// <summary>
    /// Nodes decode names and strings only when asked, and throw on broken UTF-8 or lone surrogates: ask now, not in the middle of a load.
    /// </summary>
    private static void Touch(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (_, field) in fields)
                {
                    Touch(field);
                }

                break;
            case JsonArray items:
                foreach (var item in items)
                {
                    Touch(item);
                }

                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                value.GetValue<string>();
                break;
        }
    }
}
