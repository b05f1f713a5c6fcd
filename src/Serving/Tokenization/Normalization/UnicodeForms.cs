using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Normalization;

/// <summary>
/// Unicode normalisation forms (UAX 15) from our own table: the product runs with InvariantGlobalization, where string.Normalize leaves everything
/// but ASCII as it is. Immutable and thread-safe.
/// </summary>
internal static class UnicodeForms
{
    // Hangul syllables are computed (Unicode Standard 3.12).
    private const int SBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7, LCount = 19, VCount = 21, TCount = 28, SCount = LCount * VCount * TCount;

    private static readonly Lazy<Table> _table = new(Table.Read);

    public static string Nfd(string text) => Ascii.IsValid(text) ? text : ToText(Decompose(text, compatible: false));

    public static string Nfkd(string text) => Ascii.IsValid(text) ? text : ToText(Decompose(text, compatible: true));

    public static string Nfc(string text) => Ascii.IsValid(text) ? text : ToText(Compose(Decompose(text, compatible: false)));

    public static string Nfkc(string text) => Ascii.IsValid(text) ? text : ToText(Compose(Decompose(text, compatible: true)));

    private static List<int> Decompose(string text, bool compatible)
    {
        var table = _table.Value;
        var points = new List<int>(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value - SBase is >= 0 and < SCount and var syllable)
            {
                points.Add(LBase + (syllable / (VCount * TCount)));
                points.Add(VBase + (syllable % (VCount * TCount) / TCount));
                if (syllable % TCount != 0)
                {
                    points.Add(TBase + (syllable % TCount));
                }
            }
            else if ((compatible && table.Compatible.TryGetValue(rune.Value, out var parts)) || table.Canonical.TryGetValue(rune.Value, out parts))
            {
                points.AddRange(parts);
            }
            else
            {
                points.Add(rune.Value);
            }
        }

        Reorder(points, table);
        return points;
    }

    /// <summary>Stable sort of each run of combining marks by class.</summary>
    private static void Reorder(List<int> points, Table table)
    {
        for (var start = 0; start < points.Count; start++)
        {
            var end = start;
            while (end < points.Count && table.Class(points[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                var run = points.GetRange(start, end - start).OrderBy(table.Class).ToList();
                for (var i = 0; i < run.Count; i++)
                {
                    points[start + i] = run[i];
                }
            }

            start = end;
        }
    }

    private static List<int> Compose(List<int> points)
    {
        var table = _table.Value;
        var composed = new List<int>(points.Count);
        var starter = -1;           // index in composed
        var lastClass = 0;          // of what stands between the starter and here
        foreach (var point in points)
        {
            var own = table.Class(point);
            var blocked = starter >= 0 && starter < composed.Count - 1 && lastClass >= own;
            if (starter >= 0 && !blocked && Pair(table, composed[starter], point) is { } whole)
            {
                composed[starter] = whole;
                continue;
            }

            composed.Add(point);
            lastClass = own;
            if (own == 0)
            {
                starter = composed.Count - 1;
            }
        }

        return composed;
    }

    private static int? Pair(Table table, int first, int second)
    {
        if (first - LBase is >= 0 and < LCount and var l && second - VBase is >= 0 and < VCount and var v)
        {
            return SBase + (((l * VCount) + v) * TCount);
        }

        if (first - SBase is >= 0 and < SCount and var s && s % TCount == 0 && second - TBase is > 0 and < TCount and var t)
        {
            return first + t;
        }

        return table.Compositions.TryGetValue((first, second), out var whole) ? whole : null;
    }

    private static string ToText(List<int> points)
    {
        var text = new StringBuilder(points.Count);
        Span<char> pair = stackalloc char[2];
        foreach (var point in points)
        {
            text.Append(pair[..new Rune(point).EncodeToUtf16(pair)]);
        }

        return text.ToString();
    }

    /// <summary>decompositions.txt: "=" canonical, "~" compatible (both full), "+" composition of a pair, "#" combining class of a range.</summary>
    private sealed class Table
    {
        private readonly Dictionary<int, byte> _classes = [];

        public Dictionary<int, int[]> Canonical { get; } = [];

        public Dictionary<int, int[]> Compatible { get; } = [];

        public Dictionary<(int, int), int> Compositions { get; } = [];

        public int Class(int point) => point < 0x300 ? 0 : _classes.GetValueOrDefault(point);

        public static Table Read()
        {
            var table = new Table();
            using var lines = new StreamReader(typeof(UnicodeForms).Assembly.GetManifestResourceStream("Serving.Tokenization.decompositions.txt")!);
            while (lines.ReadLine() is { } line)
            {
                int[] points = [.. line[1..].Split(' ').Select(hex => int.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
                switch (line[0])
                {
                    case '=':
                        table.Canonical[points[0]] = points[1..];
                        break;
                    case '~':
                        table.Compatible[points[0]] = points[1..];
                        break;
                    case '+':
                        table.Compositions[(points[1], points[2])] = points[0];
                        break;
                    default:
                        for (var point = points[0]; point <= points[1]; point++)
                        {
                            table._classes[point] = (byte)points[2];
                        }

                        break;
                }
            }

            return table;
        }
    }
}
