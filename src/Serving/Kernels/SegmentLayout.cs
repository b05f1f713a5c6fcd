namespace Serving.Kernels;

/// <summary>The query rows of each segment of a plan, found once a step: token * group + number within the group. Not thread-safe to arrange, safe to read.</summary>
/// <param name="group">Query heads of a key/value head.</param>
internal sealed class SegmentLayout(int group)
{
    private readonly List<(int Start, int Count, bool Whole)> _segments = [];
    private int[] _rows = [];
    private int[] _lengths = [];

    public SegmentRows this[int segment]
    {
        get
        {
            var (start, count, whole) = _segments[segment];
            return new SegmentRows(_rows.AsSpan(start, count), _lengths.AsSpan(start, count), whole);
        }
    }

    public void Arrange(AttentionPlan plan)
    {
        _segments.Clear();
        if (_rows.Length < plan.Members.Count * group)
        {
            _rows = new int[plan.Members.Count * group * 2];
            _lengths = new int[_rows.Length];
        }

        var next = 0;
        foreach (var segment in plan.Segments)
        {
            var (start, whole) = (next, true);
            for (var member = segment.FirstMember; member < segment.EndMember; member++)
            {
                var token = plan.Members[member];
                var length = plan.Position(token) + 1;
                whole &= length >= segment.EndPage * KvPages.PageTokens;
                for (var i = 0; i < group; i++)
                {
                    (_rows[next], _lengths[next]) = ((token * group) + i, length);
                    next++;
                }
            }

            _segments.Add((start, next - start, whole));
        }
    }
}

/// <summary>The query rows of a segment.</summary>
/// <param name="rows">Numbers within a head.</param>
/// <param name="lengths">Positions that each sees.</param>
/// <param name="whole">Whether all see all of the segment's pages to the end.</param>
internal readonly ref struct SegmentRows(ReadOnlySpan<int> rows, ReadOnlySpan<int> lengths, bool whole)
{
    private readonly ReadOnlySpan<int> _rows = rows;
    private readonly ReadOnlySpan<int> _lengths = lengths;

    public int Count => _rows.Length;

    public bool Whole { get; } = whole;

    public int Row(int member) => _rows[member];

    public int Length(int member) => _lengths[member];

    /// <summary>Whether any of some rows sees a position of a page.</summary>
    public bool AnySees(int first, int count, int page)
    {
        var most = 0;
        foreach (var length in _lengths.Slice(first, count))
        {
            most = Math.Max(most, length);
        }

        return most > page * KvPages.PageTokens;
    }

    /// <summary>Whether all of some rows see a page to its end.</summary>
    public bool AllFill(int first, int count, int page)
    {
        var least = int.MaxValue;
        foreach (var length in _lengths.Slice(first, count))
        {
            least = Math.Min(least, length);
        }

        return least >= (page + 1) * KvPages.PageTokens;
    }
}
