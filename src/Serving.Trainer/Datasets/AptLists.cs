using System.Globalization;

namespace Serving.Trainer.Datasets;

/// <summary>
/// The indices of an archive: found in a folder of lists, or fetched by apt-get into a private folder. Needs no root and changes nothing of the
/// system: lists, caches and locks lie in the private folder and the system's hooks are switched off.
/// </summary>
/// <param name="Packages">Files "Packages", in the order of the sources.</param>
/// <param name="Translations">Files "Translation-en".</param>
internal sealed record AptLists(IReadOnlyList<string> Packages, IReadOnlyList<string> Translations)
{
    private const string KeyRings = "/usr/share/keyrings";

    /// <summary>The lists of a folder such as /var/lib/apt/lists.</summary>
    /// <exception cref="InvalidDataException">There are none, or no descriptions among them.</exception>
    public static AptLists In(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"There is no folder {folder}.");
        }

        var files = Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).ToArray();
        var lists = new AptLists(
            [.. files.Where(file => Path.GetFileName(file) is var name && (name.Contains("_Packages", StringComparison.Ordinal) || name.StartsWith("Packages", StringComparison.Ordinal)))],
            [.. files.Where(file => Path.GetFileName(file).Contains("Translation-en", StringComparison.Ordinal))]);
        return lists.Packages.Count > 0 && lists.Translations.Count > 0
            ? lists
            : throw new InvalidDataException(
                $"{folder} holds {lists.Packages.Count} Packages and {lists.Translations.Count} Translation-en files; both are needed. "
                + "Leave --lists out to have apt-get fetch them into a private folder.");
    }

    /// <summary>Runs apt-get update for the system's sources, or for one mirror and suite, with all its state in <paramref name="folder"/>.</summary>
    /// <exception cref="InvalidOperationException">apt-get is not there or failed.</exception>
    public static AptLists Fetch(string folder, string? mirror, string? suite)
    {
        folder = Path.GetFullPath(folder);
        Directory.CreateDirectory(Path.Combine(folder, "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(folder, "archives", "partial"));
        var configuration = Path.Combine(folder, "apt.conf");
        File.WriteAllText(configuration, Configuration(folder, mirror is null ? null : OneSource(folder, mirror, suite ?? "stable")));
        SystemProgram.Run(["apt-get", "-c", configuration, "update"]);
        var targets = SystemProgram.Run(["apt-get", "-c", configuration, "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(FILENAME)"])
            .Select(line => line.Split('|', 3))
            .Select(parts => (Kind: parts[0], Origin: parts[1], File: OnDisk(parts[2])))
            .Where(target => target.File is not null)
            .ToArray();

        // Third parties' packages describe themselves too, but not in Debian's manner.
        var distribution = targets.Where(target => target.Origin is "Debian" or "Ubuntu").ToArray();
        targets = distribution.Length > 0 ? distribution : targets;
        return new AptLists(
            [.. targets.Where(target => target.Kind == "Packages").Select(target => target.File!)],
            [.. targets.Where(target => target.Kind == "Translations").Select(target => target.File!)]);
    }

    private static string OneSource(string folder, string mirror, string suite)
    {
        var file = Path.Combine(folder, "source.list");
        var keys = Directory.Exists(KeyRings) ? Directory.EnumerateFiles(KeyRings, "*-archive-keyring.gpg").Order(StringComparer.Ordinal).ToArray() : [];
        var signed = keys.Length == 0 ? "" : $"[signed-by={string.Join(',', keys)}] ";
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"deb {signed}{mirror} {suite} main\n"));
        return file;
    }

    /// <summary>Read by apt after the system's own configuration, whose proxies and sources stay in force.</summary>
    private static string Configuration(string folder, string? source) =>
        $"""
        Dir::State "{folder}";
        Dir::State::lists "{folder}/lists";
        Dir::State::status "/dev/null";
        Dir::Cache "{folder}";
        Dir::Cache::archives "{folder}/archives";
        #clear Acquire::Languages;
        Acquire::Languages "en";
        Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
        Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
        #clear APT::Update::Pre-Invoke;
        #clear APT::Update::Post-Invoke;
        #clear APT::Update::Post-Invoke-Success;

        """ + (source is null ? "" : $"Dir::Etc::sourcelist \"{source}\";\nDir::Etc::sourceparts \"/dev/null\";\n");

    /// <summary>indextargets leaves out how a list is compressed.</summary>
    private static string? OnDisk(string name) =>
        new[] { "", ".lz4", ".xz", ".gz", ".zst", ".bz2" }.Select(extension => name + extension).FirstOrDefault(File.Exists);
}
