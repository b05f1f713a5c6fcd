namespace Serving.EpisodeTools;

/// <summary>The transformations of rlds.transformations over the steps of an episode or batch. Stateless; the inputs are never changed.</summary>
public static class StepTransforms
{
    /// <summary>
    /// Step i gets the fields of <paramref name="keys"/> (with all below them) of step i + <paramref name="shift"/>; the |shift| steps that would get
    /// none are dropped.
    /// </summary>
    /// <exception cref="ArgumentException">The shift is as long as the steps.</exception>
    public static IReadOnlyList<RldsStep> ShiftKeys(IReadOnlyList<RldsStep> steps, IReadOnlyCollection<string> keys, int shift)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(keys);
        if (Math.Abs((long)shift) >= steps.Count)
        {
            throw new ArgumentException($"A shift of {shift} leaves nothing of {steps.Count} steps.", nameof(shift));
        }

        var first = Math.Max(0, -shift);
        return
        [
            .. Enumerable.Range(first, steps.Count - Math.Abs(shift)).Select(i => keys
                .SelectMany(key => steps[i + shift].Below(key))
                .Aggregate(steps[i], (step, field) => step.With(field.Key, field.Value))),
        ];
    }

    /// <summary>Adds the field "alignment".</summary>
    public static RldsStep AddAlignment(RldsStep step, AlignmentType alignment)
    {
        ArgumentNullException.ThrowIfNull(step);
        return step.With("alignment", RldsValue.Int64((long)alignment));
    }

    /// <summary>One after the other; a field that one side lacks is zero there.</summary>
    public static IReadOnlyList<RldsStep> Concatenate(IReadOnlyList<RldsStep> first, IReadOnlyList<RldsStep> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        var fields = new Dictionary<string, RldsValue>(StringComparer.Ordinal);
        foreach (var (key, value) in first.Take(1).Concat(second.Take(1)).SelectMany(step => step.Fields))
        {
            fields.TryAdd(key, value.ZeroLike());
        }

        return [.. first.Concat(second).Select(step => fields.Where(field => !step.Fields.ContainsKey(field.Key))
            .Aggregate(step, (filled, field) => filled.With(field.Key, field.Value)))];
    }

    /// <summary>Appends steps (an absorbing state) when the last one is terminal.</summary>
    public static IReadOnlyList<RldsStep> ConcatIfTerminal(
        IReadOnlyList<RldsStep> steps, Func<IReadOnlyList<RldsStep>, IReadOnlyList<RldsStep>> makeExtraSteps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(makeExtraSteps);
        return steps.Count > 0 && steps[^1].Is("is_terminal") ? Concatenate(steps, makeExtraSteps(steps)) : steps;
    }

    /// <summary>The steps up to the first that fulfils the condition, that one included; all when none does.</summary>
    public static IEnumerable<RldsStep> TruncateAfter(IEnumerable<RldsStep> steps, Func<RldsStep, bool> condition)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(condition);
        return Truncated();
        IEnumerable<RldsStep> Truncated()
        {
            foreach (var step in steps)
            {
                yield return step;
                if (condition(step))
                {
                    yield break;
                }
            }
        }
    }

    /// <summary>The same episode with every step mapped, as it is asked for.</summary>
    public static IEnumerable<RldsEpisode> MapSteps(IEnumerable<RldsEpisode> episodes, Func<RldsStep, RldsStep> map) =>
        ApplySteps(episodes, steps => [.. steps.Select(map)]);

    /// <summary>The same episodes with their lists of steps mapped, as they are asked for.</summary>
    public static IEnumerable<RldsEpisode> ApplySteps(
        IEnumerable<RldsEpisode> episodes, Func<IReadOnlyList<RldsStep>, IReadOnlyList<RldsStep>> map) =>
        episodes.Select(episode => episode with { Steps = map(episode.Steps) });

    /// <summary>Number of steps.</summary>
    public static long Length(IEnumerable<RldsStep> steps) => steps.LongCount();

    /// <summary>The last step.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static RldsStep Final(IEnumerable<RldsStep> steps) => steps.Last();

    /// <summary>Sums of one or more numbers of every step, element by element, in float64.</summary>
    /// <exception cref="ArgumentException">Steps give unequally many numbers.</exception>
    public static double[] Sum(IEnumerable<RldsStep> steps, Func<RldsStep, IReadOnlyList<double>> numbers)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(numbers);
        double[]? sum = null;
        foreach (var own in steps.Select(numbers))
        {
            sum ??= new double[own.Count];
            if (own.Count != sum.Length)
            {
                throw new ArgumentException($"One step gives {own.Count} numbers, those before it {sum.Length}.", nameof(numbers));
            }

            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] += own[i];
            }
        }

        return sum ?? [];
    }
}
