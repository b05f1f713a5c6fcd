using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Episodes;

/// <summary>The files that say what the records are: features.json for TFDS, and metadata.json, where our own facts may stand. Stateless.</summary>
internal static class DatasetDescription
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>Writes them into a new folder, and refuses a folder whose records have other fields.</summary>
    /// <exception cref="InvalidDataException">features.json is another one.</exception>
    public static void Ensure(DatasetFolder folder)
    {
        if (!File.Exists(folder.FeaturesPath))
        {
            DurableFile.Replace(folder.FeaturesPath, folder.Form.Features);
        }
        else if (!Equal(File.ReadAllBytes(folder.FeaturesPath), folder.Form.Features))
        {
            throw new InvalidDataException(
                $"'{folder.FeaturesPath}' describes other records than this version writes. "
                + $"Set {EpisodeOptions.Section}:{nameof(EpisodeOptions.Root)} to a new folder.");
        }

        if (!File.Exists(folder.MetadataPath))
        {
            DurableFile.Replace(folder.MetadataPath, Metadata());
        }
    }

    private static bool Equal(byte[] features, byte[] ours)
    {
        try
        {
            return JsonNode.DeepEquals(JsonNode.Parse(features), JsonNode.Parse(ours));
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static byte[] Metadata() => JsonSerializer.SerializeToUtf8Bytes(
        new JsonObject
        {
            ["alignment"] = "SAR",
            ["writer"] = "Serving " + typeof(DatasetDescription).Assembly.GetName().Version?.ToString(3),
        },
        _indented);
}
