using Serving.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Lab;

/// <summary>What a problem fixes for a whole run: the reference, its Best-of-N and the teacher, over all sequences. Owns its tensors.</summary>
internal sealed class LabTargets : IDisposable
{
    public LabTargets(LabProblem problem, SequenceSpace space)
    {
        using var scope = NewDisposeScope();
        var tokens = tensor(problem.Reference.ToArray(), ScalarType.Float64).log().expand(space.Prefixes, space.Vocab);        // [P, V]
        ReferenceLogProbs = space.SequenceLogProbs(tokens).DetachFromDisposeScope();
        Reference = [.. ReferenceLogProbs.exp().data<double>()];
        var (below, upTo) = BestOfNDistribution.Quantiles(Reference, problem.Rewards);
        LogWeights = tensor(
            [.. below.Select((below, i) => BestOfNDistribution.LogWeight(below, upTo[i], problem.N))], ScalarType.Float64).DetachFromDisposeScope();
        BestLogProbs = (ReferenceLogProbs + LogWeights).DetachFromDisposeScope();
        Best = [.. BestLogProbs.exp().data<double>()];
        Rewards = tensor(problem.Rewards.ToArray(), ScalarType.Float64).DetachFromDisposeScope();
        TeacherLogProbs = problem.Teacher == LabTeacher.BestOfN ? BestLogProbs : ReferenceLogProbs;
        TeacherTokens = space.TokenLogProbs(TeacherLogProbs).DetachFromDisposeScope();
    }

    /// <summary>Reference probabilities, [S].</summary>
    public double[] Reference { get; }

    /// <summary>Best-of-N probabilities, [S].</summary>
    public double[] Best { get; }

    /// <summary>log pi_ref, [S].</summary>
    public Tensor ReferenceLogProbs { get; }

    /// <summary>log pi_BoN, [S].</summary>
    public Tensor BestLogProbs { get; }

    /// <summary>log pi_BoN - log pi_ref, [S].</summary>
    public Tensor LogWeights { get; }

    /// <summary>[S].</summary>
    public Tensor Rewards { get; }

    /// <summary>The teacher's log-probs of whole sequences, [S].</summary>
    public Tensor TeacherLogProbs { get; }

    /// <summary>The teacher's log-probs of every token after every prefix, [P, V].</summary>
    public Tensor TeacherTokens { get; }

    public void Dispose()
    {
        ReferenceLogProbs.Dispose();
        BestLogProbs.Dispose();
        LogWeights.Dispose();
        Rewards.Dispose();
        TeacherTokens.Dispose();
    }
}
