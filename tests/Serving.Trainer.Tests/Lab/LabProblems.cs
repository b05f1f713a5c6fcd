using Serving.Trainer.Lab;
using Serving.Trainer.Tests.Objectives;

namespace Serving.Trainer.Tests.Lab;

/// <summary>Problems of the known testbeds.</summary>
internal static class LabProblems
{
    public static LabProblem T3(LabObjective objective, int n = 2) => new()
    {
        Vocab = 3,
        Length = 1,
        Reference = Testbed.T3,
        Rewards = Testbed.T3Rewards,
        N = n,
        Objective = objective,
        LearningRate = 1,
    };

    public static LabProblem T27(LabObjective objective, int n = 4) => T3(objective, n) with { Length = 3, Rewards = Testbed.T27Rewards };

    /// <summary>Probability of every token at the first place.</summary>
    public static double[] FirstToken(LabResult result) => [.. result.Probabilities.Chunk(result.Probabilities.Count / 3).Select(part => part.Sum())];
}
