using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Serving.Scoring;

/// <summary>One scorer's part in a scorecard.</summary>
public sealed record ScorecardEntry(string Scorer, double Weight, float? VetoBelow = null);

/// <summary>
/// A named way to combine scorers: total = sum of weight * score. Immutable. Entries are in ordinal order of the scorers' names, whatever
/// the order in the configuration, so that equal scorecards give equal bits and equal digests.
/// </summary>
public sealed class Scorecard
{
    /// <summary>
    /// Taken off the total for each veto: it ranks a vetoed answer behind every other, keeps the order among vetoed ones, and stays a JSON number.
    /// </summary>
    public const double VetoPenalty = 1e6;

    internal const string BuiltIn = "default";

    /// <summary>
    /// The weights of the built-in scorecard and of appsettings.json: chosen on half of 300 validation descriptions, checked on the other half (docs/log.md).
    /// </summary>
    public static IReadOnlyList<ScorecardEntry> BuiltInEntries { get; } =
        [new("reward", 0.2), new("entailment", 1), new("style", 1), new(Consensus.Name, 2)];

    internal static readonly string[] KnownScorers = [.. BuiltInEntries.Select(entry => entry.Scorer)];

    public Scorecard(string name, IEnumerable<ScorecardEntry> entries)
    {
        Name = name;
        Entries = [.. entries.OrderBy(entry => entry.Scorer, StringComparer.Ordinal)];
        if (Entries.Count == 0 || Entries.Select(entry => entry.Scorer).Distinct(StringComparer.Ordinal).Count() != Entries.Count)
        {
            throw new ArgumentException($"Scorecard \"{name}\" must name at least one scorer, and each once.", nameof(entries));
        }

        ConsensusEntry = Entries.ToList().FindIndex(entry => entry.Scorer == Consensus.Name);
    }

    public string Name { get; }

    public IReadOnlyList<ScorecardEntry> Entries { get; }

    /// <summary>The scorecard that the (validated) options choose.</summary>
    public static Scorecard From(ScoringOptions options) =>
        AllFrom(options).First(card => card.Name.Equals(options.Scorecard, StringComparison.OrdinalIgnoreCase));

    /// <summary>Every scorecard of the (validated) options.</summary>
    public static IReadOnlyList<Scorecard> AllFrom(ScoringOptions options) => options.Scorecards.Count == 0
        ? [new Scorecard(BuiltIn, BuiltInEntries)]
        :
        [
            .. options.Scorecards.Select(card => new Scorecard(
                card.Key, card.Value.Select(entry => new ScorecardEntry(entry.Key.ToLowerInvariant(), entry.Value.Weight, entry.Value.VetoBelow)))),
        ];

    /// <summary>Where <see cref="Consensus"/> stands among the entries; -1 when it does not count.</summary>
    public int ConsensusEntry { get; }

    /// <summary>The entries that a scorer answers for: all but the consensus, which needs the group.</summary>
    public IEnumerable<ScorecardEntry> ScorerEntries => Entries.Where(entry => entry.Scorer != Consensus.Name);

    /// <summary>Combines one value per entry, in the entries' order.</summary>
    public Score Combine(ReadOnlySpan<float> values)
    {
        var total = 0.0;
        var vetoed = new List<string>();
        var named = new KeyValuePair<string, float>[Entries.Count];
        for (var i = 0; i < named.Length; i++)
        {
            var entry = Entries[i];
            total += entry.Weight * values[i];
            named[i] = new(entry.Scorer, values[i]);
            if (values[i] < entry.VetoBelow)
            {
                vetoed.Add(entry.Scorer);
            }
        }

        return new Score(total - (VetoPenalty * vetoed.Count), named) { Vetoed = vetoed };
    }

    /// <summary>"sha256:" + hex over the weights, vetoes and the scorers' digests, in the entries' order.</summary>
    /// <param name="scorers">Those of <see cref="ScorerEntries"/>, in its order.</param>
    public string Digest(IReadOnlyList<ITextScorer> scorers)
    {
        var text = new StringBuilder();
        foreach (var (scorer, weight, veto) in Entries)
        {
            var digest = scorer == Consensus.Name ? Consensus.Digest : scorers.First(s => s.Name == scorer).Digest;
            text.Append(CultureInfo.InvariantCulture, $"{scorer} {weight:R} {veto:R} {digest}\n");
        }

        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
