using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>
/// Sum of weighted per-token divergences between two policies, chunk by chunk, so that no more than a chunk of logits exists at a time:
/// a chunk's gradients with respect to its hidden rows and to the output projection are taken at once and its logits dropped.
/// </summary>
public static class ChunkedDivergence
{
    /// <summary>Logits of one model alive at a time; 16 MB of fp32.</summary>
    private const int LogitsPerChunk = 1 << 22;

    /// <summary>Rows whose logits fit a chunk.</summary>
    public static int RowsFor(PolicyModule policy) => Math.Max(1, LogitsPerChunk / policy.Config.VocabularySize);

    /// <summary>
    /// sum over r of w_r D(teacher || student)(r), with gradient. The result is linear in the hidden rows and in the projection, with the gradients found
    /// chunk by chunk as coefficients and its value moved to the true sum: backward through it is exact at the current weights.
    /// </summary>
    /// <param name="student">Projects <paramref name="hidden"/>; gets gradient.</param>
    /// <param name="hidden">[R, d], with gradient.</param>
    /// <param name="teacher">Projects <paramref name="teacherHidden"/>; no gradient.</param>
    /// <param name="teacherHidden">[R, d'], no gradient.</param>
    /// <param name="weights">[R].</param>
    /// <param name="divergence">D.</param>
    /// <param name="temperature">As in <see cref="JensenShannon.PerToken"/>.</param>
    /// <param name="chunk">Rows per chunk.</param>
    /// <param name="teacherTopK">The teacher's tokens that are told apart (<see cref="TopKTail"/>); 0 = all.</param>
    /// <returns>Scalar.</returns>
    public static Tensor WeightedSum(
        PolicyModule student, Tensor hidden, PolicyModule teacher, Tensor teacherHidden, Tensor weights, TokenDivergence divergence, double temperature, int chunk,
        int teacherTopK = 0)
    {
        using var scope = NewDisposeScope();
        var head = student.Head ?? student.Embedding;
        var slopes = new List<Tensor>();
        var headSlope = head.requires_grad ? zeros_like(head) : null;                                              // LoRA freezes it
        var value = zeros(1, hidden.dtype, hidden.device).squeeze();
        for (var start = 0L; start < hidden.shape[0]; start += chunk)
        {
            using var chunkScope = NewDisposeScope();
            var length = Math.Min(chunk, hidden.shape[0] - start);
            var rows = hidden.narrow(0, start, length).detach().requires_grad_();                                  // [C, d]
            Tensor teacherLogits;
            using (no_grad())
            {
                teacherLogits = teacher.Project(teacherHidden.narrow(0, start, length));                           // [C, V]
            }

            var perToken = Divergence(divergence, student.Project(rows), teacherLogits, temperature, teacherTopK);        // [C]
            var sum = (perToken * weights.narrow(0, start, length)).sum();
            var gradients = autograd.grad([sum], headSlope is null ? [rows] : [rows, head]);
            slopes.Add(gradients[0].MoveToOuterDisposeScope());
            using (no_grad())
            {
                headSlope?.add_(gradients[1]);
                value.add_(sum);
            }
        }

        var linear = (hidden * cat(slopes, 0)).sum();
        linear = headSlope is null ? linear : linear + (head * headSlope).sum();
        return (linear - linear.detach() + value).MoveToOuterDisposeScope();
    }

    private static Tensor Divergence(TokenDivergence divergence, Tensor student, Tensor teacher, double temperature, int teacherTopK)
    {
        if (teacherTopK == 0)
        {
            return divergence.PerToken(student, teacher, temperature);
        }

        var (ids, logProbs) = TopKTail.Of(teacher, teacherTopK, temperature);
        return divergence.PerToken(TopKTail.Buckets(student, ids, temperature), TopKTail.Stored(logProbs));
    }
}
