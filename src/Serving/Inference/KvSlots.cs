namespace Serving.Inference;

/// <summary>
/// Accounts for the decoder's rows: the sequences that decode always hold the slots 0 to <see cref="Active"/> - 1, so a batch is a view of the
/// buffer. Active + <see cref="Free"/> = <see cref="Capacity"/> at all times. Engine thread only.
/// </summary>
internal sealed class KvSlots(int capacity)
{
    private readonly Sequence?[] _rows = new Sequence?[capacity];

    public int Capacity => _rows.Length;

    public int Active { get; private set; }

    public int Free => Capacity - Active;

    public Sequence this[int row] => _rows[row] ?? throw new InvalidOperationException($"Slot {row} is free.");

    /// <summary>Gives the next free slot to a sequence and returns its number.</summary>
    public int Reserve(Sequence sequence)
    {
        if (Free == 0)
        {
            throw new InvalidOperationException($"All {Capacity} slots are taken.");
        }

        _rows[Active] = sequence;
        return Active++;
    }

    /// <summary>
    /// Frees a slot. Its hole is filled by the last sequence: returns the slot that this one had, whose keys and values the caller must copy to
    /// <paramref name="row"/>; the same number when it was the last itself.
    /// </summary>
    public int Release(int row)
    {
        _ = this[row];
        Active--;
        _rows[row] = _rows[Active];
        _rows[Active] = null;
        return Active;
    }
}
