using System.Globalization;
using System.Text.Json.Nodes;

namespace Serving.EpisodeTools;

/// <summary>A schema as features.json, the way back of <see cref="FeaturesJson"/>. Stateless.</summary>
internal static class FeaturesText
{
    /// <exception cref="ArgumentException">A node of which only its name is known cannot be written.</exception>
    public static JsonObject Of(FeatureNode node)
    {
        var (kind, content) = node.Kind switch
        {
            FeatureKind.Dict => ("featuresDict", new JsonObject
            {
                ["features"] = new JsonObject(node.Children.Select(child => KeyValuePair.Create(child.Key, (JsonNode?)Of(child.Value)))),
            }),
            FeatureKind.Dataset or FeatureKind.Sequence => ("sequence", new JsonObject { ["feature"] = Of(node.Element!), ["length"] = Number(node.Length) }),
            FeatureKind.Text => ("text", new JsonObject()),
            FeatureKind.Image => ("image", new JsonObject { ["dtype"] = node.DType.Length > 0 ? node.DType : "uint8", ["shape"] = Shape(node) }),
            FeatureKind.Tensor => ("tensor", new JsonObject
            {
                ["dtype"] = node.DType,
                ["encoding"] = node.Encoding switch { TensorEncoding.Bytes => "bytes", TensorEncoding.Zlib => "zlib", _ => "none" },
                ["shape"] = Shape(node),
            }),
            _ => throw new ArgumentException($"A feature of the connector '{node.Connector}' cannot be written: use a Tensor, Text, Image, dict or list.", nameof(node)),
        };
        return new JsonObject { [kind] = content, ["pythonClassName"] = node.Connector };
    }

    private static JsonObject Shape(FeatureNode node) =>
        node.Shape.Count == 0 ? [] : new JsonObject { ["dimensions"] = new JsonArray([.. node.Shape.Select(d => (JsonNode)Number(d))]) };

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
