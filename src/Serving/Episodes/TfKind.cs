namespace Serving.Episodes;

/// <summary>Which list a feature holds; the numbers are the field numbers of the message Feature.</summary>
internal enum TfKind
{
    None,
    Bytes,
    Float,
    Int64,
}
