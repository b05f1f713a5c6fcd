namespace Serving.EpisodeTools;

/// <summary>How a tensor lies in an Example.</summary>
public enum TensorEncoding
{
    /// <summary>As a list of numbers.</summary>
    None,

    /// <summary>As one byte string: the elements, little-endian.</summary>
    Bytes,

    /// <summary>The same in a zlib stream.</summary>
    Zlib,
}
