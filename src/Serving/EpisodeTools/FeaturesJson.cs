using System.Globalization;
using System.Text.Json;

namespace Serving.EpisodeTools;

/// <summary>
/// Reads features.json in its protobuf form ("pythonClassName" and one content key) and in the legacy one ("type", "content"). Takes what can be
/// understood; what TFDS itself would refuse is for <see cref="FeatureRules"/>. Stateless.
/// </summary>
internal static class FeaturesJson
{
    /// <exception cref="InvalidDataException">It describes no features; the message says where.</exception>
    public static FeatureNode Parse(JsonElement root) => Node(root, "");

    private static FeatureNode Node(JsonElement node, string path)
    {
        if (node.ValueKind != JsonValueKind.Object)
        {
            throw Fault(path, $"an object was expected, not {node.ValueKind}");
        }

        if (Member(node, "pythonClassName", "python_class_name") is { ValueKind: JsonValueKind.String } name)
        {
            return Modern(node, name.GetString()!, path);
        }

        return Member(node, "type") is { ValueKind: JsonValueKind.String } type
            ? Legacy(Member(node, "content") ?? default, type.GetString()!, path)
            : throw Fault(path, "neither \"pythonClassName\" nor \"type\" is there");
    }

    private static FeatureNode Modern(JsonElement node, string connector, string path)
    {
        if (Member(node, "featuresDict", "features_dict") is { } dict)
        {
            return Dict(Member(dict, "features") ?? default, connector, path);
        }

        if (Member(node, "sequence") is { } sequence)
        {
            return List(sequence, connector, path);
        }

        if (Member(node, "tensor") is { } tensor)
        {
            return Tensor(tensor, connector, path);
        }

        var kind = Member(node, "text") is not null ? FeatureKind.Text
            : Member(node, "image") is not null ? FeatureKind.Image
            : Member(node, "classLabel", "class_label") is not null ? FeatureKind.Label
            : KindByName(connector);
        return kind is FeatureKind.Dict or FeatureKind.Dataset or FeatureKind.Sequence or FeatureKind.Tensor
            ? throw Fault(path, $"a {kind} without its content")
            : Leaf(kind, connector, Member(node, "image"), path);
    }

    private static FeatureNode Legacy(JsonElement content, string connector, string path) => KindByName(connector) switch
    {
        FeatureKind.Dict => Dict(content, connector, path),
        FeatureKind.Dataset or FeatureKind.Sequence => List(content, connector, path),
        FeatureKind.Tensor => Tensor(content, connector, path),
        var kind => Leaf(kind, connector, content, path),
    };

    private static FeatureNode Dict(JsonElement features, string connector, string path)
    {
        if (features.ValueKind is JsonValueKind.Undefined)
        {
            return new FeatureNode { Kind = FeatureKind.Dict, Connector = connector };
        }

        if (features.ValueKind != JsonValueKind.Object)
        {
            throw Fault(path, "its features are no object");
        }

        return new FeatureNode
        {
            Kind = FeatureKind.Dict,
            Connector = connector,
            Children = [.. features.EnumerateObject().Select(child => KeyValuePair.Create(child.Name, Node(child.Value, Join(path, child.Name))))],
        };
    }

    private static FeatureNode List(JsonElement sequence, string connector, string path)
    {
        var element = Member(sequence, "feature") ?? throw Fault(path, "a list without \"feature\"");
        return new FeatureNode
        {
            Kind = connector.EndsWith(".Dataset", StringComparison.Ordinal) ? FeatureKind.Dataset : FeatureKind.Sequence,
            Connector = connector,
            Element = Node(element, path),
            Length = Member(sequence, "length") switch
            {
                null => 0,
                { ValueKind: JsonValueKind.Null } => -1,
                { } length => Number(length, path),
            },
        };
    }

    private static FeatureNode Tensor(JsonElement tensor, string connector, string path)
    {
        var encoding = Text(tensor, "encoding").ToLowerInvariant();
        return new FeatureNode
        {
            Kind = FeatureKind.Tensor,
            Connector = connector,
            DType = DType(Text(tensor, "dtype")),
            Shape = Shape(tensor, path),
            Optional = Member(tensor, "optional") is { ValueKind: JsonValueKind.True },
            Encoding = encoding switch
            {
                "" or "none" => TensorEncoding.None,
                "bytes" => TensorEncoding.Bytes,
                "zlib" => TensorEncoding.Zlib,
                _ => throw Fault(path, $"encoding \"{encoding}\" is not known"),
            },
        };
    }

    private static FeatureNode Leaf(FeatureKind kind, string connector, JsonElement? content, string path) => new()
    {
        Kind = kind,
        Connector = connector,
        DType = kind switch { FeatureKind.Label => "int64", FeatureKind.Image => "uint8", FeatureKind.Text => "string", _ => "" },
        Shape = kind is FeatureKind.Image && content is { } image ? Shape(image, path) : [],
    };

    private static FeatureKind KindByName(string connector) => connector[(connector.LastIndexOf('.') + 1)..] switch
    {
        "FeaturesDict" => FeatureKind.Dict,
        "Dataset" => FeatureKind.Dataset,
        "Sequence" => FeatureKind.Sequence,
        "Tensor" or "Scalar" => FeatureKind.Tensor,
        "Text" => FeatureKind.Text,
        "Image" => FeatureKind.Image,
        "ClassLabel" => FeatureKind.Label,
        _ => FeatureKind.Other,
    };

    private static long[] Shape(JsonElement parent, string path)
    {
        if (Member(parent, "shape") is not { } shape || shape.ValueKind is JsonValueKind.Null)
        {
            return [];
        }

        // {"dimensions": ["4"]} in the protobuf form, [4] or [null] in the legacy one.
        var dimensions = shape.ValueKind is JsonValueKind.Object ? Member(shape, "dimensions") : shape;
        if (dimensions is not { } list)
        {
            return [];
        }

        return list.ValueKind is JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(d => d.ValueKind is JsonValueKind.Null ? -1 : Number(d, path))]
            : throw Fault(path, "its shape is no list of dimensions");
    }

    /// <summary>Legacy files may say "tf.float32" or "&lt;dtype: 'float32'&gt;".</summary>
    private static string DType(string name)
    {
        var quoted = name.Split('\'');
        name = quoted.Length == 3 ? quoted[1] : name;
        return name.StartsWith("tf.", StringComparison.Ordinal) ? name[3..] : name is "object" or "str" ? "string" : name;
    }

    private static long Number(JsonElement value, string path)
    {
        var text = value.ValueKind is JsonValueKind.String ? value.GetString() : value.GetRawText();
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= -1
            ? number
            : throw Fault(path, $"{value.GetRawText()} is no length or dimension");
    }

    private static string Text(JsonElement parent, string name) =>
        Member(parent, name) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";

    private static JsonElement? Member(JsonElement parent, string name, string? other = null) =>
        parent.ValueKind is not JsonValueKind.Object ? null
            : parent.TryGetProperty(name, out var member) || (other is not null && parent.TryGetProperty(other, out member)) ? member
            : null;

    private static string Join(string path, string name) => path.Length == 0 ? name : path + "/" + name;

    private static InvalidDataException Fault(string path, string what) =>
        new($"features.json, {(path.Length == 0 ? "top level" : $"feature '{path}'")}: {what}");
}
