namespace Serving.Scoring;

/// <summary>Cuts a source that does not fit into units that do. Pure.</summary>
internal static class SourceUnits
{
    /// <summary>
    /// Token ids of consecutive units of at most <paramref name="room"/> tokens: as many whole sentences as fit; a longer sentence is cut anywhere.
    /// At least one unit, which may be empty.
    /// </summary>
    public static List<int[]> Split(string source, PairEncoder encoder, int room)
    {
        var units = new List<int[]>();
        var (start, end, filled) = (0, 0, 0);        // the unit under way: source[start..end] of about `filled` tokens
        foreach (var sentence in Sentences.Split(source))
        {
            var length = encoder.Tokens(source[sentence]).Length;
            if (filled > 0 && filled + length + 1 > room)        // 1: the white space between may cost a token
            {
                Close();
            }

            start = filled == 0 ? sentence.Start.Value : start;
            end = sentence.End.Value;
            filled += length + 1;
        }

        if (filled > 0)
        {
            Close();
        }

        return units.Count == 0 ? [[]] : units;

        void Close()
        {
            units.AddRange(encoder.Tokens(source[start..end]).Chunk(room));
            filled = 0;
        }
    }
}
