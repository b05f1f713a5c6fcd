namespace Serving.EpisodeTools;

/// <summary>A schema made from one episode: the config_generator of rlds.tfds. Stateless.</summary>
public static class SampleFeatures
{
    private const string Connector = "tensorflow_datasets.core.features.";

    /// <summary>
    /// Scalars as they are, tensors in zlib (so is a float64 scalar, which would be narrowed), texts as Text, ragged lists as Sequences; names with "/" make
    /// dicts.
    /// </summary>
    /// <param name="sample">At least one step; its fields are those of all.</param>
    /// <param name="images">Step fields that are encoded pictures: one byte string each.</param>
    /// <exception cref="ArgumentException">There is no step, or a field is both a value and a dict.</exception>
    public static FeatureNode Of(RldsEpisode sample, IReadOnlySet<string>? images = null)
    {
        ArgumentNullException.ThrowIfNull(sample);
        if (sample.Steps.Count == 0)
        {
            throw new ArgumentException("The sample has no step to take fields from.", nameof(sample));
        }

        var step = Dict(sample.Steps[0].Fields.Select(field => (field.Key, Leaf(field.Value, images?.Contains(field.Key) ?? false))));
        var steps = new FeatureNode { Kind = FeatureKind.Dataset, Connector = Connector + "dataset_feature.Dataset", Element = step };
        return Dict(sample.Metadata.Select(field => (field.Key, Leaf(field.Value, isImage: false))).Append(("steps", steps)));
    }

    private static FeatureNode Dict(IEnumerable<(string Path, FeatureNode Node)> fields)
    {
        var children = new List<KeyValuePair<string, FeatureNode>>();
        foreach (var group in fields.GroupBy(field => field.Path.Split('/')[0]).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var below = group.Where(field => field.Path.Length > group.Key.Length).Select(field => (field.Path[(group.Key.Length + 1)..], field.Node)).ToArray();
            if (below.Length != group.Count() && group.Count() > 1)
            {
                throw new ArgumentException($"'{group.Key}' is a value and a dict at the same time.", nameof(fields));
            }

            children.Add(KeyValuePair.Create(group.Key, below.Length == 0 ? group.Single().Node : Dict(below)));
        }

        return new FeatureNode { Kind = FeatureKind.Dict, Connector = Connector + "features_dict.FeaturesDict", Children = children };
    }

    private static FeatureNode Leaf(RldsValue value, bool isImage)
    {
        if (value.Rows is { } rows)
        {
            return new FeatureNode
            {
                Kind = FeatureKind.Sequence,
                Connector = Connector + "sequence_feature.Sequence",
                Element = rows.Count > 0 ? Leaf(rows[0], isImage: false) : Tensor(value.DType, [], TensorEncoding.None),
            };
        }

        if (isImage)
        {
            return new FeatureNode { Kind = FeatureKind.Image, Connector = Connector + "image_feature.Image", DType = "uint8", Shape = [-1, -1, -1] };
        }

        if (value is { DType: "string", Shape.Count: 0 })
        {
            return new FeatureNode { Kind = FeatureKind.Text, Connector = Connector + "text_feature.Text", DType = "string" };
        }

        var encoded = value.DType != "string" && (value.Shape.Count > 0 || value.DType == "float64");
        return Tensor(value.DType, value.Shape, encoded ? TensorEncoding.Zlib : TensorEncoding.None);
    }

    private static FeatureNode Tensor(string dtype, IReadOnlyList<long> shape, TensorEncoding encoding) =>
        new() { Kind = FeatureKind.Tensor, Connector = Connector + "tensor_feature.Tensor", DType = dtype, Shape = shape, Encoding = encoding };
}
