namespace Serving.Episodes;

/// <summary>The values of one feature.</summary>
public sealed class TfFeature
{
    private List<ReadOnlyMemory<byte>>? _bytes;
    private List<float>? _floats;
    private List<long>? _int64s;

    /// <summary>Which of the three lists it holds; None when the writer set none.</summary>
    public TfKind Kind { get; private set; }

    /// <summary>Texts, images and encoded tensors; empty for another kind.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Bytes => _bytes ?? (IReadOnlyList<ReadOnlyMemory<byte>>)[];

    /// <summary>Empty for another kind.</summary>
    public IReadOnlyList<float> Floats => _floats ?? (IReadOnlyList<float>)[];

    /// <summary>Integers and booleans; uint64 is bit-cast. Empty for another kind.</summary>
    public IReadOnlyList<long> Int64s => _int64s ?? (IReadOnlyList<long>)[];

    /// <summary>Values in the list.</summary>
    public int Count => Bytes.Count + Floats.Count + Int64s.Count;

    /// <summary>Of a oneof the last kind counts; a second list of the same kind is appended (protobuf's rules for merging).</summary>
    internal void Begin(TfKind kind)
    {
        if (kind != Kind)
        {
            (_bytes, _floats, _int64s) = (null, null, null);
            Kind = kind;
        }
    }

    internal void Add(ReadOnlyMemory<byte> value) => (_bytes ??= []).Add(value);

    internal void Add(ReadOnlySpan<float> values) => (_floats ??= []).AddRange(values);

    internal void Add(long value) => (_int64s ??= []).Add(value);
}
