namespace Serving.EpisodeTools;

/// <summary>What a node of features.json holds, whatever its connector is called.</summary>
public enum FeatureKind
{
    /// <summary>Named children.</summary>
    Dict,

    /// <summary>Nested steps: one element a step.</summary>
    Dataset,

    /// <summary>A list of one feature.</summary>
    Sequence,

    /// <summary>Numbers or byte strings of one shape; a scalar is one of no dimensions.</summary>
    Tensor,

    /// <summary>One byte string, by custom UTF-8.</summary>
    Text,

    /// <summary>One encoded picture (PNG or JPEG), kept as its bytes.</summary>
    Image,

    /// <summary>One integer below a number of classes.</summary>
    Label,

    /// <summary>A connector of which only the name is known: its fields are not looked at.</summary>
    Other,
}
