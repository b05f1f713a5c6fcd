using Serving.Trainer.Objectives;

namespace Serving.Trainer.Lab;

/// <summary>The divergence that a problem names. Pure.</summary>
internal static class LabDivergences
{
    public static TokenDivergence Of(LabProblem problem) => problem.Divergence switch
    {
        LabDivergence.ForwardKl => TokenDivergence.Forward,
        LabDivergence.ReverseKl => TokenDivergence.Reverse,
        _ => new TokenDivergence(DivergenceFamily.JensenShannon, problem.Beta),
    };
}
