namespace Serving.Trainer.Objectives;

/// <summary>One logged answer as the off-policy losses see it: plain numbers, no gradients. Immutable.</summary>
/// <param name="LogRatios">log pi - log mu of its tokens, [T].</param>
/// <param name="Penalties">Reward of every token besides the last one's: - beta (log pi - log pi_start), [T].</param>
/// <param name="Reward">Scorecard total, the reward at its end.</param>
/// <param name="Baseline">What the other answers of its group say it should get, penalties included.</param>
/// <param name="Values">What a value head adds to the baseline before every token, [T]; empty = nothing.</param>
public sealed record LoggedAnswer(double[] LogRatios, double[] Penalties, double Reward, double Baseline, double[] Values)
{
    /// <summary>What log pi of its tokens is multiplied by and what its values should be.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such correction.</exception>
    public AnswerCredit Credit(OffPolicySettings settings) => settings.Correction switch
    {
        PolicyCorrection.None => Whole([.. LogRatios.Select(_ => 1.0)], used: true),
        PolicyCorrection.Truncated => Whole(
            TruncatedWeights.Of(LogRatios, settings.Cap),
            (!settings.SequenceMask || TruncatedWeights.Near(LogRatios, settings.Cap)) && !TruncatedWeights.LeftBehind(LogRatios, Advantage, settings.MaxDrift)),
        PolicyCorrection.VTrace => Traced(settings.Clips),
        _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Correction, "Not a correction."),
    };

    private double Advantage => Reward + Penalties.Sum() - Baseline;

    private AnswerCredit Whole(double[] weights, bool used) =>
        new([.. weights.Select(weight => used ? weight * Advantage : 0)], [.. weights.Select(_ => Advantage)], [], used);

    private AnswerCredit Traced(VTraceClips clips)
    {
        double[] rewards = [.. Penalties[..^1], Penalties[^1] + Reward];
        double[] values = [.. rewards.Select((_, t) => Baseline + (Values.Length > 0 ? Values[t] : 0))];
        var discounts = Enumerable.Repeat(1.0, rewards.Length).ToArray();
        discounts[^1] = 0;                  // behind the last token nothing comes
        var (targets, advantages) = VTrace.Of(LogRatios, rewards, discounts, values, 0, clips);
        return new AnswerCredit(advantages, advantages, targets, Used: true);
    }
}

/// <summary>What an answer teaches. Immutable.</summary>
/// <param name="Slopes">Factor of the gradient of log pi at every token, [T].</param>
/// <param name="Errors">What its priority is made of, [T].</param>
/// <param name="Targets">What V should be before every token, [T]; empty without V-trace.</param>
/// <param name="Used">False for an answer that was left out.</param>
public sealed record AnswerCredit(double[] Slopes, double[] Errors, double[] Targets, bool Used);
