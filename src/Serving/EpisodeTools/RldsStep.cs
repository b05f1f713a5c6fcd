using System.Collections.Immutable;

namespace Serving.EpisodeTools;

/// <summary>One step: its fields by path, as "observation/text" or "reward". Immutable.</summary>
/// <param name="Fields">By ordinal name.</param>
public sealed record RldsStep(ImmutableSortedDictionary<string, RldsValue> Fields)
{
    /// <summary>A step of these fields.</summary>
    public static RldsStep Of(params IEnumerable<(string Key, RldsValue Value)> fields) =>
        new(fields.ToImmutableSortedDictionary(field => field.Key, field => field.Value, StringComparer.Ordinal));

    /// <summary>The field of this path.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public RldsValue this[string path] => Fields[path];

    /// <summary>True when a flag is there and set.</summary>
    public bool Is(string flag) => Fields.TryGetValue(flag, out var value) && !value.IsZero;

    /// <summary>The same step with a field added or replaced.</summary>
    public RldsStep With(string path, RldsValue value) => new(Fields.SetItem(path, value));

    /// <summary>The fields of a key: itself, or all that lie below it.</summary>
    internal IEnumerable<KeyValuePair<string, RldsValue>> Below(string key) =>
        Fields.Where(field => field.Key == key || field.Key.StartsWith(key + "/", StringComparison.Ordinal));
}
