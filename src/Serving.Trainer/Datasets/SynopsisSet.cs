using System.Text.RegularExpressions;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Datasets;

/// <summary>
/// The task's pairs from an archive's packages, and texts for language modelling. At most four packages of a source, none nearly a copy of
/// another, each synopsis once. A function of the packages only. Immutable.
/// </summary>
internal sealed partial class SynopsisSet
{
    private const int MostPerSource = 4;
    private const int MostCharacters = 3000;

    private readonly IReadOnlyList<DebianPackage> _packages;
    private readonly DescriptionCleaning _cleaning;
    private readonly ILookup<DataSplit, TaskExample> _pairs;

    /// <summary>Chooses the pairs; <paramref name="progress"/> is told the sources done and all of them.</summary>
    public SynopsisSet(IReadOnlyList<DebianPackage> packages, Action<int, int>? progress = null)
    {
        _packages = packages;
        _cleaning = new DescriptionCleaning(packages.Where(SynopsisRules.HasOwnText));
        _pairs = Pairs(progress).ToLookup(pair => SourceSplit.Of(pair.Source), pair => pair.Example);
    }

    /// <summary>The pairs of a part, in ordinal order of the packages' names.</summary>
    public IReadOnlyList<TaskExample> Of(DataSplit split) => [.. _pairs[split].OrderBy(pair => pair.Id, StringComparer.Ordinal)];

    /// <summary>
    /// The description of every package of a training source, whole or cleaned as documents are, each text once and none that is also a
    /// held-out package's. The summary is empty.
    /// </summary>
    public IReadOnlyList<TaskExample> Descriptions(bool cleaned)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { "" };
        foreach (var package in _packages.Where(package => SourceSplit.Of(package.Source) != DataSplit.Train))
        {
            seen.Add(_cleaning.Clean(package.Lines));
            seen.Add(string.Join('\n', package.Lines));
        }

        return
        [
            .. _packages.Where(package => SourceSplit.Of(package.Source) == DataSplit.Train)
                .Select(package => new TaskExample(
                    package.Name, package.Section, cleaned ? _cleaning.Clean(package.Lines) : string.Join('\n', package.Lines), ""))
                .Where(example => seen.Add(example.Document)),
        ];
    }

    private IEnumerable<(string Source, TaskExample Example)> Pairs(Action<int, int>? progress)
    {
        var near = new NearDuplicates();
        var synopses = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var sources = Candidates().GroupBy(candidate => candidate.Source).OrderBy(group => group.Key, StringComparer.Ordinal).ToArray();
        for (var i = 0; i < sources.Length; i++)
        {
            var (source, admitted) = (sources[i], 0);
            foreach (var (_, example) in source.OrderBy(candidate => candidate.Rank).ThenBy(candidate => candidate.Example.Id, StringComparer.Ordinal)
                .Select(candidate => (candidate.Rank, candidate.Example)))
            {
                if (admitted < MostPerSource && !synopses.Contains(example.Summary) && near.Add(source.Key, example.Document))
                {
                    synopses.Add(example.Summary);
                    admitted++;
                    yield return (source.Key, example);
                }
            }

            progress?.Invoke(i + 1, sources.Length);
        }
    }

    private IEnumerable<(string Source, (bool, bool, bool, bool, int) Rank, TaskExample Example)> Candidates()
    {
        foreach (var package in _packages.Where(SynopsisRules.Admits))
        {
            var document = _cleaning.Clean(package.Lines);
            if (SynopsisRules.Clean(package.Synopsis) is { } synopsis
                && document.Length <= MostCharacters
                && DescriptionText.Words(document).Length >= DescriptionCleaning.LeastWords)
            {
                // The package that stands for its source: not the headers, with a synopsis of its own, named like the source, no shared library.
                var rank = (
                    package.Name.EndsWith("-dev", StringComparison.Ordinal),
                    synopsis != package.Synopsis,
                    package.Name != package.Source,
                    SharedLibrary().IsMatch(package.Name),
                    document.Length);
                yield return (package.Source, rank, new TaskExample(package.Name, package.Section, document, synopsis));
            }
        }
    }

    [GeneratedRegex(@"^lib.*\d$", RegexOptions.CultureInvariant)]
    private static partial Regex SharedLibrary();
}
