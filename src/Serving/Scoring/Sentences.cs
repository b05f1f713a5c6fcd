namespace Serving.Scoring;

/// <summary>
/// Splits text into sentences by rule, for aggregation of sentence-level judgements. Pure. A sentence ends at a full stop
/// that is not of an abbreviation, at ! ? ... before something that does not go on in lower case, at a blank line, and at a line break before a
/// list item or after closing punctuation.
/// </summary>
internal static class Sentences
{
    /// <summary>Most marks that are looked at together, so that a text of full stops takes linear time.</summary>
    private const int LongestEnding = 16;

    private const string Closers = "\"')]}»”’";

    /// <summary>Full stops after these do not end a sentence.</summary>
    private static readonly HashSet<string> _abbreviations = new(StringComparer.OrdinalIgnoreCase)
    {
        "e.g", "i.e", "etc", "vs", "cf", "al", "approx", "resp", "incl", "esp", "mr", "mrs", "ms", "dr", "prof", "st", "no", "fig",
        "inc", "ltd", "co", "corp", "max", "min", "ver", "rev", "vol", "dept", "ed", "eds", "sec", "ca", "pp", "nr",
    };

    /// <summary>The sentences as ranges of <paramref name="text"/>, in order, without the white space around them; empty for blank text.</summary>
    public static List<Range> Split(string text)
    {
        var sentences = new List<Range>();
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var end = EndAt(text, start, i);
            if (end > 0)
            {
                Add(sentences, text, start, end);
                start = end;
                i = end - 1;
            }
        }

        Add(sentences, text, start, text.Length);
        return sentences;
    }

    /// <summary>Where the sentence from <paramref name="start"/> ends if it ends at <paramref name="i"/>; otherwise 0.</summary>
    private static int EndAt(string text, int start, int i)
    {
        switch (text[i])
        {
            case '。' or '！' or '？':
                return i + 1;
            case '.' or '!' or '?' or '…':
                var end = i + 1;
                while (end < text.Length && end - i < LongestEnding && (Closers.Contains(text[end]) || text[end] is '.' or '!' or '?'))
                {
                    end++;
                }

                if (end == text.Length || !char.IsWhiteSpace(text[end]))
                {
                    return 0;
                }

                var next = end;
                while (next < text.Length && char.IsWhiteSpace(text[next]))
                {
                    next++;
                }

                var goesOn = next < text.Length && char.IsLower(text[next]);
                var stop = text[i] == '.' && end == i + 1;
                return (stop && next < text.Length && IsAbbreviation(text, start, i, goesOn)) || (!stop && goesOn) ? 0 : end;
            case '\n':
                return BreaksAt(text, start, i) ? i + 1 : 0;
            default:
                return 0;
        }
    }

    /// <summary>A sentence may begin with a name in lower case, so only the word before the full stop tells.</summary>
    private static bool IsAbbreviation(string text, int start, int stop, bool goesOn)
    {
        var word = stop;
        while (word > start && !char.IsWhiteSpace(text[word - 1]) && text[word - 1] is not ('(' or '[' or '"'))
        {
            word--;
        }

        // A single letter is an initial ("J. Smith"), a lone digit a list number ("1. Open").
        var last = text[word..stop];
        return last.Length == 1 || _abbreviations.Contains(last) || (goesOn && last.Contains('.'));        // "the U.S. market"
    }

    /// <summary>Text is often wrapped at a fixed width, so a line break alone ends nothing.</summary>
    private static bool BreaksAt(string text, int start, int newline)
    {
        var next = newline + 1;
        while (next < text.Length && text[next] is ' ' or '\t' or '\r')
        {
            next++;
        }

        if (next >= text.Length || text[next] is '\n' or '*' or '-' or '•' or '+')
        {
            return true;
        }

        var last = newline - 1;
        while (last >= start && char.IsWhiteSpace(text[last]))
        {
            last--;
        }

        return last >= start && text[last] is '.' or '!' or '?' or ':' or ';';
    }

    private static void Add(List<Range> sentences, string text, int start, int end)
    {
        while (start < end && char.IsWhiteSpace(text[start]))
        {
            start++;
        }

        while (end > start && char.IsWhiteSpace(text[end - 1]))
        {
            end--;
        }

        if (start < end)
        {
            sentences.Add(start..end);
        }
    }
}
