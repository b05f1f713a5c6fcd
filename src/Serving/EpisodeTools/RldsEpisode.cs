using System.Collections.Immutable;

namespace Serving.EpisodeTools;

/// <summary>One record of an RLDS dataset. Immutable.</summary>
/// <param name="Metadata">What is said of the whole episode, by path; an "episode_metadata/" in front of the name is left out.</param>
/// <param name="Steps">In order; the record is the episode, also when its steps have no is_last.</param>
public sealed record RldsEpisode(ImmutableSortedDictionary<string, RldsValue> Metadata, IReadOnlyList<RldsStep> Steps);
