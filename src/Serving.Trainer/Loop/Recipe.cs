using Serving.Trainer.Objectives;

namespace Serving.Trainer.Loop;

/// <summary>Makes the objective that a recipe names. Pure.</summary>
public static class Recipe
{
    /// <summary>
    /// The weighted sum of the objectives in <see cref="TrainerOptions.Recipe"/>. The default, "bond+gkd", is for a student that did not draw the logged
    /// candidates: all three terms aim at the policy that did. Forward KL to its Best-of-n needs nothing but samples of it; the centred regression
    /// asks for the teacher's log mu + tau up to a constant per prompt, which is valid because the candidates are independent draws of mu;
    /// distillation gives every token the teacher's whole distribution, which a few hundred logged answers cannot.
    /// </summary>
    public static IObjective Build(TrainerOptions options)
    {
        var terms = new List<(double, IObjective)>();
        foreach (var name in options.Recipe.Split('+').Distinct())
        {
            switch (name)
            {
                case "bond":
                    Add(options.Bond.SftWeight, () => new BonSftObjective());
                    Add(options.Bond.RegressionWeight, () => new RegressionBondObjective(
                        options.TargetCandidates, options.Bond.Centred, options.Bond.Clip));
                    break;
                case "full-bond":
                    Add(options.FullBond.Weight, () => new FullBondObjective(
                        options.FullBond.Candidates, options.FullBond.Draws, options.FullBond.Beta, options.FullBond.Clip));
                    break;
                case "jbond":
                    Add(options.JBond.Weight, () => new JBondObjective(options.JBond.Beta, options.JBond.Gamma, options.JBond.Clip));
                    break;
                case "bonbon":
                    Add(options.BonBon.Weight, () => new BonBonObjective(options.BonBon.Alpha));
                    break;
                case "gkd":
                    Add(options.Gkd.Weight, () => Distillation(options.Gkd.Lambda));
                    break;
                case "seqkd":
                    Add(options.SeqKd.Weight, () => new SequenceKdObjective());
                    break;
                case "gkd-reward":
                    var (whole, alpha) = (options.GkdReward.Weight, options.GkdReward.Alpha);
                    Add(whole * (1 - alpha), () => new ReinforceObjective(0, options.GkdReward.Answers, options.GkdReward.Clip));
                    Add(whole * alpha, () => Distillation(lambda: 1));
                    break;
                case "reinforce":
                    Add(options.Reinforce.Weight, () => new ReinforceObjective(
                        options.Reinforce.Beta, options.Reinforce.Answers, options.Reinforce.Clip));
                    break;
                case "entailment":
                    Add(options.Entailment.Weight, () => new EntailmentObjective(
                        options.Entailment.Alpha, options.Entailment.Answers, options.Entailment.Clip));
                    break;
                case "off-policy":
                    Add(options.OffPolicy.Weight, () => new OffPolicyObjective(options.OffPolicy.Settings(options.Replay.Eta)));
                    break;
                default:
                    throw new ArgumentException($"Trainer:Recipe names \"{name}\", which is no objective: see Trainer:Recipe in TrainerOptions.", nameof(options));
            }
        }

        return terms.Count > 0
            ? new WeightedSumObjective(terms)
            : throw new ArgumentException($"Every weight of the recipe \"{options.Recipe}\" is 0: there is nothing to learn.", nameof(options));

        GkdObjective Distillation(double lambda) =>
            new(new TokenDivergence(options.Gkd.Divergence, options.Gkd.Beta), lambda, options.Gkd.Temperature, options.Gkd.TeacherTopK, options.Gkd.TeacherFile is not null);

        void Add(double weight, Func<IObjective> create)
        {
            if (weight > 0)
            {
                terms.Add((weight, create()));
            }
        }
    }

    /// <summary>
    /// How the run's one anchor moves: as "jbond" says where the recipe names it, else as "full-bond" says, else not at all, so that "reinforce" and
    /// "entailment" alone keep to where training began.
    /// </summary>
    public static AnchorSchedule Anchor(TrainerOptions options)
    {
        var names = options.Recipe.Split('+');
        return names.Contains("jbond") ? new AnchorSchedule(options.JBond.AnchorRate, options.JBond.AnchorEvery)
            : names.Contains("full-bond") ? new AnchorSchedule(0, options.FullBond.AnchorEvery)
            : default;
    }
}
