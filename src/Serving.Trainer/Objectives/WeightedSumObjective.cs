using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>A weighted sum of objectives over one batch; "bond+gkd" is one.</summary>
public sealed class WeightedSumObjective(IReadOnlyList<(double Weight, IObjective Objective)> terms) : IObjective
{
    public string Name => string.Join('+', terms.Select(term => term.Objective.Name));

    public ObjectiveNeeds Needs => terms.Aggregate(ObjectiveNeeds.None, (needs, term) => needs | term.Objective.Needs);

    public FreshAnswers Fresh => terms.Aggregate(default(FreshAnswers), (answers, term) => FreshAnswers.Max(answers, term.Objective.Fresh));

    public Tensor Loss(ObjectiveInputs inputs)
    {
        var total = terms[0].Weight * terms[0].Objective.Loss(inputs);
        foreach (var (weight, objective) in terms.Skip(1))
        {
            total += weight * objective.Loss(inputs);
        }

        return total;
    }
}
