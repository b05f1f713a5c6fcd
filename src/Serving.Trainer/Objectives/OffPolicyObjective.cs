using Serving.Trainer.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Policy gradient on answers that an older policy drew and replay hands out again: the scorecard's total is the reward at an answer's end, the mean of the other
/// answers of the group its baseline, and every token pays for its distance from the policy that the run began from. Only answers that are independent draws of the
/// logged policy take part: for others log mu is not their log-density.
/// </summary>
public sealed class OffPolicyObjective(OffPolicySettings settings) : IObjective
{
    public string Name => "off-policy";

    public ObjectiveNeeds Needs =>
        ObjectiveNeeds.LoggedGroups
        | (settings.KlWeight > 0 ? ObjectiveNeeds.Start : ObjectiveNeeds.None)
        | (settings.ValueHead ? ObjectiveNeeds.ValueHead : ObjectiveNeeds.None);

    /// <summary>- mean over the answers of sum over t of slope_t log pi(y_t), each group's answers times its importance weight; and the head's squared error.</summary>
    public Tensor Loss(ObjectiveInputs inputs)
    {
        var entries = inputs.Batch.Entries;
        var answers = Answers(inputs);
        var used = Enumerable.Range(0, entries.Count).Where(b => answers[b] is not null).ToArray();
        if (used.Length == 0)
        {
            return inputs.LogProbs.sum() * 0;
        }

        var credits = answers.Select(answer => answer?.Credit(settings)).ToArray();
        var weights = entries.Select(entry => inputs.Batch.Draws[entry.Group].Weight).ToArray();
        var slopes = inputs.Row(entries.SelectMany((entry, b) => PerToken(entry, credits[b]?.Slopes, weights[b] / used.Length)));        // [R]
        var loss = -(inputs.TokenLogProbs * slopes).sum();
        inputs.Report("off_policy", loss);
        if (settings.ValueHead)
        {
            loss += settings.ValueWeight * ValueLoss(inputs, answers, credits, weights);
        }

        Report(inputs, [.. used.Select(b => answers[b]!)], [.. used.Select(b => credits[b]!)]);
        inputs.Prioritise([.. Enumerable.Range(0, inputs.Batch.Groups).Select(g => Priority(used.Where(b => entries[b].Group == g).Select(b => credits[b]!)))]);
        return loss;
    }

    /// <summary>Every sequence that takes part, in the order of the batch; null for the others.</summary>
    private LoggedAnswer?[] Answers(ObjectiveInputs inputs)
    {
        var entries = inputs.Batch.Entries;
        var policy = Numbers(inputs.TokenLogProbs);
        var start = settings.KlWeight > 0 ? Numbers(inputs.StartTokenLogProbs) : policy;
        var head = settings.ValueHead ? Numbers(inputs.Values) : [];
        var penalties = policy.Zip(start, (own, other) => settings.KlWeight * (other - own)).ToArray();
        var first = new int[entries.Count + 1];
        for (var b = 0; b < entries.Count; b++)
        {
            first[b + 1] = first[b] + entries[b].Tokens;
        }

        // The baseline's part of the rewards comes from the whole logged group, that of the penalties from what of it is in the batch.
        var paid = Enumerable.Range(0, entries.Count).Select(b => penalties[first[b]..first[b + 1]].Sum()).ToArray();
        return
        [
            .. entries.Select((entry, b) =>
            {
                if (!TakesPart(entry))
                {
                    return null;
                }

                var others = Enumerable.Range(0, entries.Count).Where(o => o != b && entries[o].Group == entry.Group && TakesPart(entries[o])).ToArray();
                var span = first[b]..first[b + 1];
                return new LoggedAnswer(
                    [.. policy[span].Zip(entry.Candidate.TokenLogProbs, (own, sampled) => own - sampled)],
                    penalties[span],
                    entry.Candidate.Reward,
                    entry.Candidate.Reward - entry.Advantage + (others.Length > 0 ? others.Average(o => paid[o]) : 0),
                    settings.ValueHead ? [.. head[span].Select(value => settings.RescaledValues ? ValueRescaling.Inverse(value) : value)] : []);
            }),
        ];
    }

    private Tensor ValueLoss(ObjectiveInputs inputs, LoggedAnswer?[] answers, AnswerCredit?[] credits, double[] weights)
    {
        var entries = inputs.Batch.Entries;
        var targets = inputs.Row(entries.SelectMany((entry, b) => PerToken(entry, credits[b]?.Targets.Select(target => Scaled(target - answers[b]!.Baseline)).ToArray(), 1)));
        var perToken = inputs.Row(entries.SelectMany((entry, b) => Enumerable.Repeat(credits[b] is null ? 0 : weights[b], entry.Tokens)));
        var tokens = entries.Where((_, b) => credits[b] is not null).Sum(entry => entry.Tokens);
        var loss = ((inputs.Values - targets).square() * perToken).sum() * (0.5 / tokens);
        inputs.Report("off_policy_value", loss);
        return loss;

        double Scaled(double value) => settings.RescaledValues ? ValueRescaling.Rescale(value) : value;
    }

    private void Report(ObjectiveInputs inputs, LoggedAnswer[] answers, AnswerCredit[] credits)
    {
        var figures = OffPolicyFigures.Of([.. answers.Select(answer => answer.LogRatios)], settings.Correction == PolicyCorrection.VTrace ? settings.Clips.Rho : settings.Cap);
        Number("off_policy_ess", figures.EffectiveSamples);
        Number("off_policy_kl", figures.Divergence);
        Number("off_policy_chi_square", figures.ChiSquare);
        Number("off_policy_clipped", figures.Clipped);
        Number("off_policy_left_out", credits.Count(credit => !credit.Used) / (double)credits.Length);
        if (settings.KlWeight > 0)
        {
            Number("off_policy_kl_to_start", -answers.Average(answer => answer.Penalties.Sum()) / settings.KlWeight);
        }

        void Number(string name, double value) => inputs.Report(name, tensor(value, ScalarType.Float64));
    }

    private double Priority(IEnumerable<AnswerCredit> group)
    {
        double[] errors = [.. group.SelectMany(credit => credit.Errors)];
        return errors.Length == 0 ? double.NaN : SequencePriority.Of(errors, settings.PriorityShare);
    }

    /// <summary>Stands in the batch whatever its rank, as an independent draw whose log-probs were logged.</summary>
    private static bool TakesPart(BatchEntry entry) => entry is { Uniform: true, Candidate.Source: CandidateSource.Logged } && entry.Candidate.TokenLogProbs.Length == entry.Tokens;

    private static IEnumerable<double> PerToken(BatchEntry entry, double[]? values, double factor) =>
        values is null or [] ? Enumerable.Repeat(0.0, entry.Tokens) : values.Select(value => value * factor);

    private static double[] Numbers(Tensor row)
    {
        using var scope = NewDisposeScope();
        return row.detach().cpu().to_type(ScalarType.Float64).data<double>().ToArray();
    }
}
