namespace Serving.EpisodeTools;

/// <summary>Sliding windows over steps, as rlds.transformations.batch makes them. Stateless; lazy, with one window in memory.</summary>
public static class StepWindows
{
    /// <summary>Bytes that a batch of automatic size is meant to have (rlds.transformations).</summary>
    private const long AutomaticBytes = 200_000;

    /// <param name="items">Steps, or anything else in order.</param>
    /// <param name="size">Items of a window.</param>
    /// <param name="shift">How far the next window begins behind this one; <paramref name="size"/> when null.</param>
    /// <param name="stride">Distance of two items of a window.</param>
    /// <param name="dropRemainder">Leaves out windows that the end cuts short.</param>
    public static IEnumerable<IReadOnlyList<T>> Batch<T>(IEnumerable<T> items, int size, int? shift = null, int stride = 1, bool dropRemainder = false)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shift ?? size, nameof(shift));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        return Windows(items, size, shift ?? size, stride, dropRemainder);
    }

    /// <summary>Steps of this size in a batch of about 200,000 bytes; at least one.</summary>
    public static int AutomaticSize(long stepBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stepBytes);
        return (int)Math.Max(1, AutomaticBytes / stepBytes);
    }

    private static IEnumerable<IReadOnlyList<T>> Windows<T>(IEnumerable<T> items, int size, int shift, int stride, bool dropRemainder)
    {
        var span = checked(((size - 1) * stride) + 1);
        var held = new List<T>();
        var ahead = 0;                                      // items of a large shift that are still to be passed over
        foreach (var item in items)
        {
            if (ahead > 0)
            {
                ahead--;
                continue;
            }

            held.Add(item);
            if (held.Count == span)
            {
                yield return Window(held, size, stride);
                ahead = Math.Max(0, shift - held.Count);
                held.RemoveRange(0, Math.Min(shift, held.Count));
            }
        }

        while (held.Count > 0 && !dropRemainder)
        {
            yield return Window(held, size, stride);
            held.RemoveRange(0, Math.Min(shift, held.Count));
        }
    }

    private static List<T> Window<T>(List<T> held, int size, int stride)
    {
        var window = new List<T>(Math.Min(size, held.Count));
        for (var i = 0; i < size && (long)i * stride < held.Count; i++)
        {
            window.Add(held[i * stride]);
        }

        return window;
    }
}
