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
    /// sum over r of w_r D(r), with gradient. The result is linear in the hidden rows and in the projection, with the gradients found
    /// chunk by chunk as coefficients and its value moved to the true sum: backward through it is exact at the current weights.
    /// </summary>
    /// <param name="student">Projects <paramref name="hidden"/>; gets gradient.</param>
    /// <param name="hidden">[R, d], with gradient.</param>
    /// <param name="weights">[R].</param>
    /// <param name="perToken">D of a chunk from the student's logits, [C, V], and the number of its first row: [C].</param>
    /// <param name="chunk">Rows per chunk.</param>
    /// <returns>Scalar.</returns>
    public static Tensor WeightedSum(PolicyModule student, Tensor hidden, Tensor weights, Func<Tensor, long, Tensor> perToken, int chunk)
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
            var sum = (perToken(student.Project(rows), start) * weights.narrow(0, start, length)).sum();
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

    /// <summary>D of chunks against a teacher that is at hand.</summary>
    /// <param name="teacher">Projects <paramref name="teacherHidden"/>; no gradient.</param>
    /// <param name="teacherHidden">[R, d'], no gradient.</param>
    /// <param name="divergence">D.</param>
    /// <param name="temperature">Both models' logits are divided by it.</param>
    /// <param name="topK">The teacher's tokens that are told apart (<see cref="TopKTail"/>); 0 = all.</param>
    public static Func<Tensor, long, Tensor> FromTeacher(
        PolicyModule teacher, Tensor teacherHidden, TokenDivergence divergence, double temperature, int topK = 0) => (student, start) =>
    {
        Tensor logits;
        using (no_grad())
        {
            logits = teacher.Project(teacherHidden.narrow(0, start, student.shape[0]));                            // [C, V]
        }

        if (topK == 0)
        {
            return divergence.PerToken(student, logits, temperature);
        }

        var (ids, logProbs) = TopKTail.Of(logits, topK, temperature);
        return divergence.PerToken(TopKTail.Buckets(student, ids, temperature), TopKTail.Stored(logProbs));
    };

    /// <summary>D of chunks against stored top-k log-probs.</summary>
    /// <param name="ids">Int64 [R, k].</param>
    /// <param name="logProbs">[R, k].</param>
    /// <param name="divergence">D.</param>
    public static Func<Tensor, long, Tensor> FromStored(Tensor ids, Tensor logProbs, TokenDivergence divergence) => (student, start) =>
        divergence.PerToken(
            TopKTail.Buckets(student, ids.narrow(0, start, student.shape[0])), TopKTail.Stored(logProbs.narrow(0, start, student.shape[0])));
}
