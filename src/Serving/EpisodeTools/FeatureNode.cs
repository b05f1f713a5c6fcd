namespace Serving.EpisodeTools;

/// <summary>A node of features.json, from either of its two forms. Immutable.</summary>
public sealed record FeatureNode
{
    /// <summary>What it holds.</summary>
    public required FeatureKind Kind { get; init; }

    /// <summary>The connector's full Python name, as "tensorflow_datasets.core.features.text_feature.Text".</summary>
    public required string Connector { get; init; }

    /// <summary>NumPy's name of the element type, "string" for byte strings; empty for nodes with children.</summary>
    public string DType { get; init; } = "";

    /// <summary>Dimensions of a tensor, -1 for one that is not known; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; init; } = [];

    /// <summary>Of a tensor.</summary>
    public TensorEncoding Encoding { get; init; }

    /// <summary>True for a tensor that a record may lack.</summary>
    public bool Optional { get; init; }

    /// <summary>Length of a list: -1 when it is not fixed, 0 also when the file does not say (which TFDS takes for an empty list).</summary>
    public long Length { get; init; } = -1;

    /// <summary>Children of a dict, in the file's order.</summary>
    public IReadOnlyList<KeyValuePair<string, FeatureNode>> Children { get; init; } = [];

    /// <summary>The element of a list or of nested steps.</summary>
    public FeatureNode? Element { get; init; }
}
