namespace Serving.Tokenization;

/// <summary>
/// A vocabulary by prefixes: entries sorted by UTF-16 units, so that a walk narrows a range with every character. As small as the entries
/// themselves; a step costs a binary search. Immutable and thread-safe.
/// </summary>
internal sealed class PrefixTable
{
    private readonly string[] _entries;
    private readonly int[] _values;
    private readonly Dictionary<char, (int Low, int High)> _firsts = [];

    /// <param name="entries">Distinct and not empty.</param>
    public PrefixTable(IEnumerable<(string Entry, int Value)> entries)
    {
        var sorted = entries.ToArray();
        Array.Sort(sorted, (a, b) => string.CompareOrdinal(a.Entry, b.Entry));
        _entries = [.. sorted.Select(pair => pair.Entry)];
        _values = [.. sorted.Select(pair => pair.Value)];
        for (var low = 0; low < _entries.Length;)
        {
            var c = _entries[low][0];
            var high = low + 1;
            while (high < _entries.Length && _entries[high][0] == c)
            {
                high++;
            }

            _firsts[c] = (low, high);
            low = high;
        }
    }

    public int Count => _entries.Length;

    public Walk Begin() => new(this);

    /// <summary>The longest entry that begins <paramref name="text"/>; length 0 when none does.</summary>
    public (int Length, int Value) Longest(ReadOnlySpan<char> text)
    {
        var walk = Begin();
        var (length, value) = (0, -1);
        for (var i = 0; i < text.Length && walk.Step(text[i]); i++)
        {
            if (walk.Value is { } found)
            {
                (length, value) = (i + 1, found);
            }
        }

        return (length, value);
    }

    /// <summary>Entries that begin with the characters stepped through so far.</summary>
    public struct Walk(PrefixTable table)
    {
        private int _low;
        private int _high;
        private int _depth;

        /// <summary>The value of the entry that ends here, or null.</summary>
        public readonly int? Value => table._entries[_low].Length == _depth ? table._values[_low] : null;

        /// <summary>False when no entry goes on with <paramref name="c"/>: the walk is then over.</summary>
        public bool Step(char c)
        {
            if (_depth == 0)
            {
                (_low, _high) = table._firsts.GetValueOrDefault(c);
            }
            else
            {
                _low = LowerBound(c);
                _high = LowerBound((char)(c + 1), c == char.MaxValue);
            }

            _depth++;
            return _low < _high;
        }

        /// <summary>The first entry of the range whose next character is at least <paramref name="c"/>.</summary>
        private readonly int LowerBound(char c, bool end = false)
        {
            var (low, high) = (_low, _high);
            if (end)
            {
                return high;
            }

            while (low < high)
            {
                var middle = (low + high) >>> 1;
                var entry = table._entries[middle];
                if (entry.Length > _depth && entry[_depth] >= c)
                {
                    high = middle;
                }
                else
                {
                    low = middle + 1;
                }
            }

            return low;
        }
    }
}
