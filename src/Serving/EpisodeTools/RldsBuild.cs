using System.Collections.Immutable;

namespace Serving.EpisodeTools;

/// <summary>Steps and episodes put together by hand, with the checks of rlds_types.build_step and build_episode. Stateless.</summary>
public static class RldsBuild
{
    private static readonly string[] _core = ["observation", "action", "reward", "is_terminal", "is_first", "is_last", "discount"];

    /// <summary>A step of core fields (a name, or paths below one) and further ones.</summary>
    /// <param name="core">"observation", "action", "reward", "discount" and the three flags, or paths below the first two.</param>
    /// <param name="metadata">The rest.</param>
    /// <exception cref="ArgumentException">A field is no core field, a flag is missing, or metadata uses a core field's name.</exception>
    public static RldsStep Step(IEnumerable<(string Key, RldsValue Value)> core, IEnumerable<(string Key, RldsValue Value)>? metadata = null)
    {
        (string Key, RldsValue Value)[] own = [.. core];
        (string Key, RldsValue Value)[] more = [.. metadata ?? []];
        if (Array.Find(own, field => !_core.Contains(Head(field.Key))) is { Key: { } odd })
        {
            throw new ArgumentException($"'{odd}' is no core field of a step; give it as metadata.", nameof(core));
        }

        if (Array.Find(more, field => _core.Contains(Head(field.Key))) is { Key: { } clash })
        {
            throw new ArgumentException($"Metadata may not be called '{clash}': that is a core field of a step.", nameof(metadata));
        }

        if (Array.Find(["is_first", "is_last"], flag => own.All(field => field.Key != flag)) is { } missing)
        {
            throw new ArgumentException($"A step needs '{missing}'.", nameof(core));
        }

        return RldsStep.Of(own.Concat(more));
    }

    /// <summary>An episode of steps and what is said of all of it.</summary>
    /// <exception cref="ArgumentException">Metadata is called "steps".</exception>
    public static RldsEpisode Episode(IReadOnlyList<RldsStep> steps, IEnumerable<(string Key, RldsValue Value)>? metadata = null)
    {
        (string Key, RldsValue Value)[] own = [.. metadata ?? []];
        return Array.Exists(own, field => Head(field.Key) == "steps")
            ? throw new ArgumentException("Metadata of an episode may not be called 'steps'.", nameof(metadata))
            : new RldsEpisode(own.ToImmutableSortedDictionary(field => field.Key, field => field.Value, StringComparer.Ordinal), steps);
    }

    private static string Head(string path) => path.Split('/')[0];
}
