namespace Serving.Trainer.Datasets;

/// <summary>Paragraphs of a Debian control file (deb822): "Field: value", continued by lines that begin with a blank, ended by an empty line.</summary>
internal static class ControlFile
{
    /// <summary>The wanted fields of each paragraph, in the file's order; continuation lines are kept, with their blanks, after a line feed.</summary>
    public static IEnumerable<Dictionary<string, string>> Read(IEnumerable<string> lines, IReadOnlySet<string> wanted)
    {
        var paragraph = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string? field = null;
        foreach (var line in lines)
        {
            if (line.Length == 0)
            {
                if (paragraph.Count > 0)
                {
                    yield return paragraph;
                    paragraph = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                }

                field = null;
            }
            else if (line[0] is ' ' or '\t')
            {
                if (field is not null)
                {
                    paragraph[field] += "\n" + line;
                }
            }
            else
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                field = colon > 0 && wanted.Contains(line[..colon]) ? line[..colon] : null;
                if (field is not null)
                {
                    paragraph[field] = line[(colon + 1)..].Trim();
                }
            }
        }

        if (paragraph.Count > 0)
        {
            yield return paragraph;
        }
    }
}
