using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Distributions over a teacher's k likeliest tokens and one bucket for all the others: what is left of a teacher whose top-k log-probs were stored. A divergence between
/// the buckets is a lower bound of the one between the distributions. Pure functions of tensors.
/// </summary>
public static class TopKTail
{
    /// <summary>Stands for the log of nothing: finite, so that no gradient becomes 0 times infinity.</summary>
    private const double LogOfNothing = -100;

    /// <summary>What would be stored of a teacher: ids, int64 [R, k], and their log-probs, [R, k].</summary>
    /// <param name="teacherLogits">[R, V].</param>
    /// <param name="count">k; all of V where there are fewer tokens.</param>
    /// <param name="temperature">Logits are divided by it.</param>
    public static (Tensor Ids, Tensor LogProbs) Of(Tensor teacherLogits, int count, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        var logProbs = special.log_softmax(teacherLogits.detach() / temperature, -1);
        var (values, ids) = logProbs.topk((int)Math.Min(count, logProbs.shape[^1]), -1);
        return (ids.MoveToOuterDisposeScope(), values.MoveToOuterDisposeScope());
    }

    /// <summary>Stored log-probs and that of the tail, [R, k] to [R, k+1].</summary>
    public static Tensor Stored(Tensor logProbs)
    {
        using var scope = NewDisposeScope();
        var rest = (1 - logProbs.exp().sum(-1, keepdim: true)).clamp_min(0);
        return cat([logProbs, rest.log().clamp_min(LogOfNothing)], -1).MoveToOuterDisposeScope();
    }

    /// <summary>log-probs of a whole distribution in the same buckets, with gradient: [R, V] to [R, k+1].</summary>
    /// <param name="logits">[R, V].</param>
    /// <param name="ids">Tokens with a bucket of their own, int64 [R, k].</param>
    /// <param name="temperature">Logits are divided by it.</param>
    public static Tensor Buckets(Tensor logits, Tensor ids, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        var logProbs = special.log_softmax(logits / temperature, -1);
        var listed = logProbs.gather(-1, ids);
        var rest = logProbs.scatter(-1, ids, full_like(listed, LogOfNothing)).logsumexp(-1, keepdim: true);
        return cat([listed, rest], -1).MoveToOuterDisposeScope();
    }
}
