namespace Serving.Trainer.Datasets;

/// <summary>Joins the archive's Packages (name, source, section) with Translation-en (the description's text).</summary>
internal static class PackageIndex
{
    private static readonly HashSet<string> _packageFields =
        new(["Package", "Source", "Section", "Description", "Description-md5"], StringComparer.OrdinalIgnoreCase);

    private static readonly HashSet<string> _translationFields = new(["Description-md5", "Description-en"], StringComparer.OrdinalIgnoreCase);

    /// <summary>One package per name, that of the first file which has it, in ordinal order of the names; packages without a long text are left out.</summary>
    /// <exception cref="InvalidDataException">No package has a description.</exception>
    public static IReadOnlyList<DebianPackage> Read(IReadOnlyList<string> packages, IReadOnlyList<string> translations)
    {
        // The md5 is that of the English text, so it names the text whatever the package.
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var paragraph in translations.SelectMany(file => ControlFile.Read(IndexFile.Lines(file), _translationFields)))
        {
            if (paragraph.TryGetValue("Description-md5", out var digest) && paragraph.TryGetValue("Description-en", out var text))
            {
                texts.TryAdd(digest, text);
            }
        }

        var found = new SortedDictionary<string, DebianPackage>(StringComparer.Ordinal);
        foreach (var paragraph in packages.SelectMany(file => ControlFile.Read(IndexFile.Lines(file), _packageFields)))
        {
            if (paragraph.TryGetValue("Package", out var name) && !found.ContainsKey(name) && Text(paragraph, texts) is { } text)
            {
                var lines = text.Split('\n');
                found.Add(name, new DebianPackage(
                    name, Source(paragraph, name), paragraph.GetValueOrDefault("Section", ""), lines[0], DescriptionText.Lines(lines.AsSpan(1))));
            }
        }

        return found.Count > 0
            ? [.. found.Values]
            : throw new InvalidDataException(
                $"None of {string.Join(", ", packages)} has a package with a description in {string.Join(", ", translations)}: "
                + "give the Packages and Translation-en files of the same suite.");
    }

    private static string? Text(Dictionary<string, string> paragraph, Dictionary<string, string> texts) =>
        paragraph.TryGetValue("Description-md5", out var digest) && texts.TryGetValue(digest, out var text)
            ? text
            : paragraph.TryGetValue("Description", out var own) && own.Contains('\n', StringComparison.Ordinal) ? own : null;

    /// <summary>"name (version)" or nothing, where source and package are called alike.</summary>
    private static string Source(Dictionary<string, string> paragraph, string name) =>
        paragraph.TryGetValue("Source", out var source) ? source.Split(' ')[0] : name;
}
