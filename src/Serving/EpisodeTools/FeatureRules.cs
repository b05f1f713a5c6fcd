using System.Text.Json;

namespace Serving.EpisodeTools;

/// <summary>
/// What TFDS refuses or misreads in features.json although it can be understood: keys that its strict parser does not know, lists without a length,
/// texts without their empty object, shapes that cannot lie inside steps. Stateless.
/// </summary>
internal static class FeatureRules
{
    private const string File = "features.json";

    // Feature of TFDS's proto/feature.proto, in both spellings that protobuf's JSON takes.
    private static readonly HashSet<string> _nodeKeys = new(StringComparer.Ordinal)
    {
        "pythonClassName", "python_class_name", "description", "valueRange", "value_range", "jsonFeature", "json_feature", "featuresDict",
        "features_dict", "tensor", "classLabel", "class_label", "image", "video", "audio", "boundingBox", "bounding_box", "text", "translation",
        "sequence", "optional", "dataset",
    };

    private static readonly HashSet<string> _tensorKeys = new(StringComparer.Ordinal) { "shape", "dtype", "encoding", "minimum", "maximum", "optional" };

    private static readonly HashSet<string> _sequenceKeys = new(StringComparer.Ordinal) { "feature", "length" };

    public static void Check(JsonElement root, FeatureNode parsed, VerifyReport report)
    {
        if (root.TryGetProperty("type", out _))
        {
            report.Note(File, "legacy form (\"type\", \"content\"); TFDS reads it and no longer writes it");
        }
        else
        {
            Keys(root, "", report);
        }

        foreach (var column in FeatureColumn.All(parsed))
        {
            Column(column, report);
        }

        Lists(parsed, "", false, report);
        Steps(parsed, report);
    }

    private static void Keys(JsonElement node, string path, VerifyReport report)
    {
        Unknown(node, _nodeKeys, path, report);
        if (node.TryGetProperty("pythonClassName", out var name) && name.ValueEquals("tensorflow_datasets.core.features.text_feature.Text")
            && !node.TryGetProperty("text", out _))
        {
            report.Fault(Place(path), "rule 4: a Text without \"text\": {} is a TypeError in TFDS");
        }

        if (node.TryGetProperty("tensor", out var tensor))
        {
            Unknown(tensor, _tensorKeys, path, report);
        }

        if (node.TryGetProperty("sequence", out var sequence))
        {
            Unknown(sequence, _sequenceKeys, path, report);
            if (!sequence.TryGetProperty("length", out _))
            {
                report.Fault(Place(path), "rule 2: \"length\" is missing, which TFDS reads as the static length zero; write \"-1\"");
            }

            if (sequence.TryGetProperty("feature", out var element))
            {
                Keys(element, path, report);
            }
        }

        if (node.TryGetProperty("featuresDict", out var dict) && dict.TryGetProperty("features", out var features))
        {
            foreach (var child in features.EnumerateObject())
            {
                Keys(child.Value, path.Length == 0 ? child.Name : path + "/" + child.Name, report);
            }
        }
    }

    private static void Unknown(JsonElement node, HashSet<string> known, string path, VerifyReport report)
    {
        foreach (var key in node.EnumerateObject().Where(property => !known.Contains(property.Name)))
        {
            report.Fault(Place(path), $"rule 3: TFDS does not know the key \"{key.Name}\" and refuses the file");
        }
    }

    private static void Column(FeatureColumn column, VerifyReport report)
    {
        var node = column.Node;
        if (column.InSteps && node is { Kind: FeatureKind.Tensor, Encoding: TensorEncoding.None } && node.Shape.Any(d => d < 0))
        {
            report.Fault(Place(column.Path), "rule 5: a tensor with an unknown dimension and no encoding cannot lie inside steps");
        }

        if (node is { Kind: FeatureKind.Tensor, Encoding: TensorEncoding.None, DType: "float64" })
        {
            report.Note(Place(column.Path), "rule 6: float64 without an encoding is stored as float32");
        }
    }

    private static void Lists(FeatureNode node, string path, bool inSteps, VerifyReport report)
    {
        if (node.Kind is FeatureKind.Sequence && inSteps && node.Length >= 0)
        {
            report.Fault(Place(path), $"rule 5: a Sequence of the static length {node.Length} inside steps is written and read under different keys");
        }

        if (node.Kind is FeatureKind.Other)
        {
            report.Note(Place(path), $"connector {node.Connector} is not known here; its fields are not checked");
        }

        foreach (var (name, child) in node.Children)
        {
            Lists(child, path.Length == 0 ? name : path + "/" + name, inSteps, report);
        }

        if (node.Element is { } element)
        {
            Lists(element, path, inSteps || node.Kind is FeatureKind.Dataset, report);
        }
    }

    private static void Steps(FeatureNode root, VerifyReport report)
    {
        var steps = root.Children.FirstOrDefault(child => child.Key == "steps").Value;
        if (steps is null && root.Children.Any(child => child.Key == "feedback_id"))
        {
            return;                                                    // ours: a flat dataset of values on episodes
        }

        if (steps?.Element is not { Kind: FeatureKind.Dict } step)
        {
            report.Fault(File, "there is no \"steps\" with named fields: this is no RLDS dataset");
            return;
        }

        foreach (var name in (string[])["is_first", "is_last"])
        {
            if (step.Children.All(child => child.Key != name))
            {
                report.Note(File, $"steps have no \"{name}\"; the border of a record is taken for that of an episode");
            }
        }
    }

    private static string Place(string path) => path.Length == 0 ? File : $"{File}, feature '{path}'";
}
