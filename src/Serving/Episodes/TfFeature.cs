namespace Serving.Episodes;

/// <summary>The values of one feature.</summary>
internal sealed class TfFeature
{
    private List<ReadOnlyMemory<byte>>? _bytes;
    private List<float>? _floats;
    private List<long>? _int64s;

    public TfKind Kind { get; private set; }

    public IReadOnlyList<ReadOnlyMemory<byte>> Bytes => _bytes ?? (IReadOnlyList<ReadOnlyMemory<byte>>)[];

    public IReadOnlyList<float> Floats => _floats ?? (IReadOnlyList<float>)[];

    public IReadOnlyList<long> Int64s => _int64s ?? (IReadOnlyList<long>)[];

    public int Count => Bytes.Count + Floats.Count + Int64s.Count;

    /// <summary>Of a oneof the last kind counts; a second list of the same kind is appended (protobuf's rules for merging).</summary>
    public void Begin(TfKind kind)
    {
        if (kind != Kind)
        {
            (_bytes, _floats, _int64s) = (null, null, null);
            Kind = kind;
        }
    }

    public void Add(ReadOnlyMemory<byte> value) => (_bytes ??= []).Add(value);

    public void Add(ReadOnlySpan<float> values) => (_floats ??= []).AddRange(values);

    public void Add(long value) => (_int64s ??= []).Add(value);
}
