namespace Serving.EpisodeTools;

/// <summary>What a verification found, and how much it read. Keeps the first findings and counts all. Not thread-safe.</summary>
internal sealed class VerifyReport
{
    /// <summary>A folder in ruins has as many faults as records; nobody reads more than these.</summary>
    private const int MostKept = 1000;

    private readonly List<Finding> _findings = [];
    private readonly HashSet<string> _once = new(StringComparer.Ordinal);

    public IReadOnlyList<Finding> Findings => _findings;

    public long Faults { get; private set; }

    public long Notes { get; private set; }

    public long Shards { get; set; }

    public long Records { get; set; }

    public long Steps { get; set; }

    public long Bytes { get; set; }

    public bool IsSound => Faults == 0;

    public void Fault(string place, string what) => Add(new Finding(true, place, what));

    public void Note(string place, string what) => Add(new Finding(false, place, what));

    /// <summary>A note about every record of its kind is told of the first one only.</summary>
    public void NoteOnce(string place, string what)
    {
        if (_once.Count < MostKept && _once.Add(what))
        {
            Note(place, what);
        }
    }

    private void Add(Finding finding)
    {
        (Faults, Notes) = finding.IsFault ? (Faults + 1, Notes) : (Faults, Notes + 1);
        if (_findings.Count < MostKept)
        {
            _findings.Add(finding);
        }
    }
}
