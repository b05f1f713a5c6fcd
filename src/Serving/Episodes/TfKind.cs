namespace Serving.Episodes;

/// <summary>Which list a feature holds; the numbers are the field numbers of the message Feature.</summary>
public enum TfKind
{
    /// <summary>No list was written: TFDS's reader raises.</summary>
    None,

    /// <summary>bytes_list.</summary>
    Bytes,

    /// <summary>float_list.</summary>
    Float,

    /// <summary>int64_list.</summary>
    Int64,
}
