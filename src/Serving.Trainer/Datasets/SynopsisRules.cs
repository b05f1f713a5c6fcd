using System.Text.RegularExpressions;

namespace Serving.Trainer.Datasets;

/// <summary>Which packages have a synopsis that their description could have led to, and what of it is kept.</summary>
internal static partial class SynopsisRules
{
    private const int LeastWords = 3;
    private const int MostWords = 16;
    private const int MostCharacters = 83;

    private static readonly HashSet<string> _sections =
        new(["localization", "metapackages", "introspection", "kernel", "tasks", "debug", "oldlibs"], StringComparer.Ordinal);

    /// <summary>Packages for people, with a text of their own: no development files, documentation, data, plugins, or packages without content.</summary>
    public static bool Admits(DebianPackage package) =>
        HasOwnText(package) && !Companion().IsMatch(package.Name) && !CompanionSynopsis().IsMatch(package.Synopsis);

    /// <summary>Not one of the archive's sections that are written by machine. Ubuntu's other components stand before the section.</summary>
    public static bool HasOwnText(DebianPackage package) => !_sections.Contains(package.Section[(package.Section.LastIndexOf('/') + 1)..]);

    /// <summary>The synopsis without the remark which of the source's packages this is, and without a full stop; null where too little or too much is left.</summary>
    public static string? Clean(string synopsis)
    {
        var text = string.Join(' ', synopsis.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        text = Remark().Replace(text, "").TrimEnd().TrimEnd('.').TrimEnd();
        return text.Length <= MostCharacters && DescriptionText.Words(text).Length is >= LeastWords and <= MostWords ? text : null;
    }

    [GeneratedRegex(
        "(^librust-|-(doc|docs|prof|data|common|examples?|dbg|dbgsym|plugins?|tests?|source|all|l10n|i18n|locales?|headers|in|dkms)$)",
        RegexOptions.CultureInvariant)]
    private static partial Regex Companion();

    [GeneratedRegex(
        @"\b(transition(al)?|dummy|metapackages?|meta-package|development (files?|librar(y|ies)|packages?|headers|kit)|shared librar(y|ies)|header files"
        + @"|documentation|debug(ging)? symbols|runtime librar(y|ies)|static librar(y|ies)|data files|profiling|dev files)\b"
        + @"|\((development|devel|dev|headers?|source)\)|- (development|devel|headers?)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex CompanionSynopsis();

    // In brackets fewer remarks are known than after a dash, comma or colon: these are the ones that the existing set cuts.
    [GeneratedRegex(
        @"\s*((--|[-–—:,]|::)\s+|\s--?|::|:\s)\s*(the )?(python ?3(\.x)?( (bindings?|module|library|version|interface|package))?|py3k?"
        + "|library|runtime|binaries|utilities|tools|programs?|cli|core|main package|ghc libraries|ruby (bindings|library))$"
        + @"|\s*\((python ?3(\.x)?|python 3(\.x)? (module|library|version|interface|package)|py3k?"
        + @"|library|runtime|binaries|programs?|cli|core|main (package|program)|command line tools?)\)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Remark();
}
