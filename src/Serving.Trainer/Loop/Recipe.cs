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
                case "jbond":
                    Add(options.JBond.Weight, () => new JBondObjective(options.JBond.Beta, options.JBond.Gamma, options.JBond.Clip));
                    break;
                case "gkd":
                    Add(options.Gkd.Weight, () => new GkdObjective(new TokenDivergence(DivergenceFamily.JensenShannon, options.Gkd.Beta), options.Gkd.Lambda, options.Gkd.Temperature));
                    break;
                case "off-policy":
                    Add(options.OffPolicy.Weight, () => new OffPolicyObjective(options.OffPolicy.Settings(options.Replay.Eta)));
                    break;
                default:
                    throw new ArgumentException($"Trainer:Recipe names \"{name}\"; there are bond, jbond, gkd and off-policy.", nameof(options));
            }
        }

        return terms.Count > 0
            ? new WeightedSumObjective(terms)
            : throw new ArgumentException($"Every weight of the recipe \"{options.Recipe}\" is 0: there is nothing to learn.", nameof(options));

        void Add(double weight, Func<IObjective> create)
        {
            if (weight > 0)
            {
                terms.Add((weight, create()));
            }
        }
    }
}
