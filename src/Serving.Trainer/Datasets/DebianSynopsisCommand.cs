using System.CommandLine;
using Serving.Trainer.Terminal;

namespace Serving.Trainer.Datasets;

/// <summary>Verb "data debian-synopsis": package descriptions and their one-line synopses, from the package lists of a Debian or Ubuntu machine.</summary>
internal static class DebianSynopsisCommand
{
    public static Command Create()
    {
        var output = new Option<string>("--out") { Required = true, Description = "Folder for train, validation, test and descriptions .jsonl." };
        var packages = new Option<string[]>("--packages") { AllowMultipleArgumentsPerToken = true, Description = "Packages files, in place of apt's." };
        var translations = new Option<string[]>("--translations") { AllowMultipleArgumentsPerToken = true, Description = "Translation-en files that belong to them." };
        var lists = new Option<string?>("--lists") { Description = "Folder of lists that are there already, such as /var/lib/apt/lists." };
        var mirror = new Option<string?>("--mirror") { Description = "Archive to fetch from, in place of the system's sources." };
        var suite = new Option<string?>("--suite") { Description = "Suite of --mirror (default: stable)." };
        var command = new Command(
            "debian-synopsis", "Package descriptions and synopses. Without files, apt-get fetches the lists into a private folder beneath --out; no root is needed.")
        {
            output, packages, translations, lists, mirror, suite,
        };
        command.SetAction(arguments =>
        {
            var folder = arguments.GetRequiredValue(output);
            var given = new AptLists(arguments.GetValue(packages) ?? [], arguments.GetValue(translations) ?? []);
            if (arguments.GetValue(suite) is not null && arguments.GetValue(mirror) is null)
            {
                throw new ArgumentException("--suite names a suite of --mirror: give both, or neither for the system's own sources.");
            }

            Directory.CreateDirectory(folder);
            var found = given switch
            {
                { Packages.Count: > 0 } => given,
                { Translations.Count: > 0 } => throw new ArgumentException("--translations alone has no packages: give their --packages too."),
                _ when arguments.GetValue(lists) is { } existing => AptLists.In(existing),
                _ => Fetch(Path.Combine(folder, "apt"), arguments.GetValue(mirror), arguments.GetValue(suite)),
            };
            Write(Choose(PackageIndex.Read(found.Packages, found.Translations)), folder);
        });
        return command;
    }

    private static AptLists Fetch(string folder, string? mirror, string? suite)
    {
        Console.WriteLine($"fetching package lists into {folder}");
        return AptLists.Fetch(folder, mirror, suite);
    }

    private static SynopsisSet Choose(IReadOnlyList<DebianPackage> packages)
    {
        Console.WriteLine($"{packages.Count:N0} packages with descriptions");
        ProgressBar? bar = null;
        try
        {
            return new SynopsisSet(packages, (done, all) => (bar ??= new ProgressBar("sources", all, TimeProvider.System)).Report(done));
        }
        finally
        {
            bar?.Dispose();
        }
    }

    private static void Write(SynopsisSet set, string folder)
    {
        foreach (var split in Enum.GetValues<DataSplit>())
        {
            var pairs = set.Of(split);
            ExampleFile.Write(Path.Combine(folder, $"{split.ToString().ToLowerInvariant()}.jsonl"), pairs, summaries: true);
            Console.WriteLine($"{split.ToString().ToLowerInvariant()}: {pairs.Count:N0} pairs");
        }

        foreach (var (name, cleaned) in new[] { ("descriptions", false), ("descriptions-clean", true) })
        {
            var texts = set.Descriptions(cleaned);
            ExampleFile.Write(Path.Combine(folder, $"{name}.jsonl"), texts, summaries: false);
            Console.WriteLine($"{name}: {texts.Count:N0} texts of training sources");
        }
    }
}
