using Serving.Trainer.Objectives;

namespace Serving.Trainer.Data;

/// <summary>
/// Priorities of the groups in a replay window (prioritised replay, arXiv:1511.05952; a sequence's priority as in R2D2, <see cref="SequencePriority"/>):
/// P_i = p_i^alpha / sum p^alpha, importance weight w_i = ((1/M) / P_i)^beta / max w over the draws of a step. A group begins with the priority of its
/// logged rewards, which is what the first step on it will find. Not thread-safe: the training loop owns it.
/// </summary>
/// <param name="share">eta of <see cref="SequencePriority"/>.</param>
/// <param name="exponent">alpha: 0 draws uniformly, 1 in proportion.</param>
/// <param name="importance">beta: 0 leaves the bias of the draws, 1 takes all of it away.</param>
public sealed class ReplayPriorities(double share, double exponent, double importance)
{
    /// <summary>Nothing is forgotten for good.</summary>
    private const double Least = 1e-6;

    private readonly Dictionary<long, double> _byNumber = [];

    public double this[long number]
    {
        get => _byNumber[number];
        set => _byNumber[number] = Math.Max(Least, value);
    }

    public void Add(CandidateGroup group) =>
        this[group.Draw.Number] = SequencePriority.Of(GroupAdvantage.LeaveOneOut([.. group.Candidates.Select(candidate => candidate.Reward)]), share);

    public void Remove(long number) => _byNumber.Remove(number);

    public void Clear() => _byNumber.Clear();

    /// <summary>Sets the priority that a step found for a group, unless the group has left the window or the step found none.</summary>
    public void Update(long number, double priority)
    {
        if (_byNumber.ContainsKey(number) && double.IsFinite(priority))
        {
            this[number] = priority;
        }
    }

    /// <summary>Draws with replacement, in proportion to p^alpha, each group with its importance weight.</summary>
    /// <param name="groups">All that may be drawn, M of them.</param>
    /// <param name="uniforms">One number in [0, 1) per draw.</param>
    public CandidateGroup[] Draw(IReadOnlyList<CandidateGroup> groups, IReadOnlyList<double> uniforms)
    {
        var upTo = new double[groups.Count];
        var sum = 0.0;
        for (var i = 0; i < upTo.Length; i++)
        {
            upTo[i] = sum += Math.Pow(this[groups[i].Draw.Number], exponent);
        }

        var drawn = new int[uniforms.Count];
        var weights = new double[uniforms.Count];
        for (var d = 0; d < drawn.Length; d++)
        {
            var found = Array.BinarySearch(upTo, uniforms[d] * sum);
            drawn[d] = Math.Min(found < 0 ? ~found : found + 1, upTo.Length - 1);       // the first whose sum is greater
            var probability = Math.Pow(this[groups[drawn[d]].Draw.Number], exponent) / sum;
            weights[d] = Math.Pow(1 / (upTo.Length * probability), importance);
        }

        var largest = weights.Max();
        return [.. drawn.Select((index, d) => groups[index] with { Draw = groups[index].Draw with { Weight = weights[d] / largest } })];
    }
}
