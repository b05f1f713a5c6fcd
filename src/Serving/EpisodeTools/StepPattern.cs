namespace Serving.EpisodeTools;

/// <summary>
/// A structured pattern after Reverb's: named references to fields of the latest steps. At every step where all of them can be filled (and the
/// conditions hold), one item comes out. Immutable.
/// </summary>
/// <param name="Parts">Each a name of the item, a step field, and where it comes from: -1 is the latest step, -2 the one before.</param>
/// <param name="Conditions">All must hold; of the latest step, its number in the episode, and the steps since the last item.</param>
public sealed record StepPattern(
    IReadOnlyList<(string Name, string Field, int From, int Count)> Parts, IReadOnlyList<Func<RldsStep, long, long, bool>> Conditions)
{
    /// <summary>A part of one step.</summary>
    public static (string Name, string Field, int From, int Count) At(string name, string field, int from) => (name, field, from, 1);

    /// <summary>
    /// The pattern that a transform describes: it gets a reference to the step and gives names to references of its fields, as in
    /// <c>step => [("s", step["observation"][-2]), ("a", step["action"][^2..])]</c>.
    /// </summary>
    /// <exception cref="ArgumentException">A reference says no steps or no field.</exception>
    public static StepPattern FromTransform(Func<StepReference, IEnumerable<(string Name, StepReference Reference)>> transform)
    {
        ArgumentNullException.ThrowIfNull(transform);
        var parts = transform(new StepReference("", 0, 0)).Select(part => part.Reference is { From: < 0, Field.Length: > 0 }
            ? (part.Name, part.Reference.Field, part.Reference.From, part.Reference.Count)
            : throw new ArgumentException($"'{part.Name}' names a field of a step: say which field and which steps, as in step[\"action\"][-1].", nameof(transform)));
        return new StepPattern([.. parts], []);
    }

    /// <summary>The items of episodes; each part is the list of its steps' values.</summary>
    /// <param name="episodes">Lists of steps.</param>
    /// <param name="respectEpisodeBoundaries">False lets an item reach back into the episode before.</param>
    /// <exception cref="ArgumentException">A part reaches past the latest step, or is empty.</exception>
    public IEnumerable<IReadOnlyDictionary<string, IReadOnlyList<RldsValue>>> Map(
        IEnumerable<IReadOnlyList<RldsStep>> episodes, bool respectEpisodeBoundaries = true)
    {
        ArgumentNullException.ThrowIfNull(episodes);
        if (Parts.Count == 0 || Parts.Any(part => part.From >= 0 || part.Count < 1 || part.From + part.Count > 0))
        {
            throw new ArgumentException("Every part of a pattern begins at -1 or before and ends at the latest step or before.");
        }

        return Items(episodes, respectEpisodeBoundaries);
    }

    private IEnumerable<IReadOnlyDictionary<string, IReadOnlyList<RldsValue>>> Items(IEnumerable<IReadOnlyList<RldsStep>> episodes, bool respect)
    {
        var depth = Parts.Max(part => -part.From);
        var latest = new List<RldsStep>();
        var since = 0L;
        foreach (var episode in episodes)
        {
            if (respect)
            {
                latest.Clear();
                since = 0;
            }

            for (var i = 0; i < episode.Count; i++)
            {
                latest.Add(episode[i]);
                since++;
                if (latest.Count > depth)
                {
                    latest.RemoveAt(0);
                }

                if (latest.Count == depth && Conditions.All(holds => holds(latest[^1], i, since)))
                {
                    since = 0;
                    yield return Parts.ToDictionary(
                        part => part.Name,
                        part => (IReadOnlyList<RldsValue>)[.. latest.GetRange(depth + part.From, part.Count).Select(step => step[part.Field])],
                        StringComparer.Ordinal);
                }
            }
        }
    }
}
