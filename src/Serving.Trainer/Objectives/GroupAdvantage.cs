namespace Serving.Trainer.Objectives;

/// <summary>What an answer is worth beside the others to the same prompt. Pure.</summary>
public static class GroupAdvantage
{
    /// <summary>
    /// r_i - mean of r_j over j != i (RLOO, arXiv:2402.14740): the others are independent of answer i, so as a baseline they do not bias its gradient.
    /// Nothing is left of a single answer: 0.
    /// </summary>
    public static double[] LeaveOneOut(IReadOnlyList<double> rewards)
    {
        var count = rewards.Count;
        if (count < 2)
        {
            return new double[count];
        }

        var mean = rewards.Average();
        return [.. rewards.Select(reward => (reward - mean) * count / (count - 1.0))];
    }
}
