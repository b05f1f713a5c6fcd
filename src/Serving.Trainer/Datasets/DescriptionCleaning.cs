using System.Text.RegularExpressions;

namespace Serving.Trainer.Datasets;

/// <summary>
/// Takes out of descriptions what says nothing about the package: sentences that four or more source packages share, bare links, and "This package
/// contains the Python 3 module" and its kind where enough is left without it. Immutable.
/// </summary>
internal sealed partial class DescriptionCleaning
{
    public const int LeastWords = 15;

    private const int SharedBy = 4;
    private const int LongestFormula = 168;

    private readonly HashSet<string> _shared;

    /// <summary>Counts the sources of each sentence over all the packages.</summary>
    public DescriptionCleaning(IEnumerable<DebianPackage> packages)
    {
        var sources = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var package in packages)
        {
            foreach (var sentence in package.Lines.SelectMany(DescriptionText.Sentences))
            {
                if (!sources.TryGetValue(sentence, out var users))
                {
                    sources[sentence] = users = new HashSet<string>(StringComparer.Ordinal);
                }

                users.Add(package.Source);
            }
        }

        _shared = [.. sources.Where(pair => pair.Value.Count >= SharedBy).Select(pair => pair.Key)];
    }

    /// <summary>The text that is left, line by line.</summary>
    public string Clean(IReadOnlyList<string> lines)
    {
        var without = Clean(lines, formulas: false);
        return DescriptionText.Words(without).Length >= LeastWords ? without : Clean(lines, formulas: true);
    }

    private string Clean(IReadOnlyList<string> lines, bool formulas)
    {
        var kept = new List<string>();
        var first = true;
        foreach (var line in lines)
        {
            var sentences = new List<string>();
            foreach (var sentence in DescriptionText.Sentences(line))
            {
                // A description may well begin with "This package provides"; later on it tells one binary package from its siblings.
                if (!_shared.Contains(sentence) && !Link().IsMatch(sentence) && (formulas || first || !IsFormula(sentence)))
                {
                    sentences.Add(sentence);
                }

                first = false;
            }

            if (sentences.Count > 0)
            {
                kept.Add(string.Join(' ', sentences));
            }
        }

        return string.Join('\n', kept);
    }

    private static bool IsFormula(string sentence) => sentence.Length <= LongestFormula && Formula().IsMatch(sentence);

    [GeneratedRegex(
        @"^(This|These) (binary |meta)?(package|module)s? (contains?|provides?|includes?|installs?|ships?|holds|is|depends)\b[^:]{0,150}"
        + @"\b(librar(y|ies)|modules?|python ?3?|perl|commands?|files|tools?|utility|utilities|binary|binaries|executables?|programs?|daemon|server"
        + @"|client|runtime|shared|plugins?|bindings?|interpreter|documentation|source code|headers|objects|standalone)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Formula();

    [GeneratedRegex(
        @"^(See also:?\s*|Homepage:?\s*|For more information,? (see|visit|refer)[^h]*|More information[^h]*)?[<(]?(URL:)?https?://\S+[>)]?\.?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Link();
}
