using System.Text;

namespace Serving.Tokenization.Splitting;

/// <summary>What becomes of the matches of a split.</summary>
internal enum Delimiter
{
    Isolated,
    Removed,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Cuts pieces at matches. Pure.</summary>
internal static class Delimiters
{
    public static Delimiter Read(JsonField field) => field.Text() switch
    {
        "Isolated" or "isolated" => Delimiter.Isolated,
        "Removed" or "removed" => Delimiter.Removed,
        "MergedWithPrevious" or "merged_with_previous" => Delimiter.MergedWithPrevious,
        "MergedWithNext" or "merged_with_next" => Delimiter.MergedWithNext,
        "Contiguous" or "contiguous" => Delimiter.Contiguous,
        _ => throw field.Unsupported("Isolated, Removed, MergedWithPrevious, MergedWithNext and Contiguous"),
    };

    public static SplitRule Split(TextPattern pattern, Delimiter delimiter, bool invert = false) =>
        (piece, parts) => Cut(piece, pattern.Find(piece.Span), delimiter, invert, parts);

    public static SplitRule Split(Func<Rune, bool> matches, Delimiter delimiter, bool invert = false) => (piece, parts) =>
    {
        var found = new List<Match>();
        var at = 0;
        foreach (var c in piece.Span.EnumerateRunes())
        {
            if (matches(c))
            {
                found.Add(new Match(at, at + c.Utf16SequenceLength));
            }

            at += c.Utf16SequenceLength;
        }

        Cut(piece, found, delimiter, invert, parts);
    };

    public static void Cut(Piece piece, List<Match> matches, Delimiter delimiter, bool invert, List<Piece> parts)
    {
        var spans = new List<(int Start, int End, bool IsMatch)>((2 * matches.Count) + 1);
        var end = 0;
        foreach (var match in matches)
        {
            if (end < match.Start)
            {
                spans.Add((end, match.Start, invert));
            }

            spans.Add((match.Start, match.End, !invert));
            end = match.End;
        }

        if (end < piece.Length)
        {
            spans.Add((end, piece.Length, invert));
        }

        if (delimiter == Delimiter.MergedWithNext)
        {
            spans = MergeBackwards(spans);
        }
        else if (delimiter is Delimiter.MergedWithPrevious or Delimiter.Contiguous)
        {
            spans = Merge(spans, delimiter);
        }

        foreach (var (start, stop, isMatch) in spans)
        {
            if (start < stop && !(isMatch && delimiter == Delimiter.Removed))
            {
                parts.Add(piece.Slice(start, stop));
            }
        }
    }

    /// <summary>A match joins what stands before it; with Contiguous, neighbours of one kind join.</summary>
    private static List<(int, int, bool)> Merge(List<(int Start, int End, bool IsMatch)> spans, Delimiter delimiter)
    {
        var merged = new List<(int Start, int End, bool)>(spans.Count);
        var previous = false;
        foreach (var (start, end, isMatch) in spans)
        {
            var joins = delimiter == Delimiter.Contiguous ? isMatch == previous : isMatch && !previous;
            if (joins && merged.Count > 0)
            {
                merged[^1] = (merged[^1].Start, end, false);
            }
            else
            {
                merged.Add((start, end, false));
            }

            previous = isMatch;
        }

        return merged;
    }

    private static List<(int, int, bool)> MergeBackwards(List<(int Start, int End, bool IsMatch)> spans)
    {
        var merged = new List<(int Start, int End, bool)>(spans.Count);
        var next = false;
        for (var i = spans.Count - 1; i >= 0; i--)
        {
            var (start, end, isMatch) = spans[i];
            if (isMatch && !next && merged.Count > 0)
            {
                merged[^1] = (start, merged[^1].End, false);
            }
            else
            {
                merged.Add((start, end, false));
            }

            next = isMatch;
        }

        merged.Reverse();
        return merged;
    }
}
