using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>
/// log p(target) of rows of hidden states, a chunk of rows at a time: no more than one chunk's logits exist, forwards or backwards, where the plain
/// formula holds (R, V) several times over. Backwards the logits of a chunk are computed anew and its gradients, softmax minus one-hot times the
/// row's gradient, go into those of the hidden rows and of the projection at once.
/// </summary>
internal sealed class ChunkedLogProbs : autograd.SingleTensorFunction<ChunkedLogProbs>
{
    /// <summary>Logits alive at a time: 8 MB of fp32, of the order of a core's share of the last cache.</summary>
    private const int LogitsPerChunk = 1 << 21;

    /// <summary>On a GPU 256 MB: fewer, larger kernels.</summary>
    private const int LogitsPerChunkOnGpu = 1 << 26;

    public override string Name => nameof(ChunkedLogProbs);

    /// <param name="hidden">[R, d].</param>
    /// <param name="projection">[V, d].</param>
    /// <param name="targets">Int64 [R].</param>
    /// <param name="compute">Type of the products; the rest is in the type of <paramref name="hidden"/>.</param>
    /// <param name="chunk">Rows of a chunk; 0 = as many as keep the logits in the cache.</param>
    /// <returns>[R].</returns>
    public static Tensor Of(Tensor hidden, Tensor projection, Tensor targets, ScalarType compute, int chunk = 0)
    {
        var rows = chunk > 0 ? chunk : (int)Math.Max(1, (hidden.device_type == DeviceType.CPU ? LogitsPerChunk : LogitsPerChunkOnGpu) / projection.shape[0]);
        return apply(hidden, projection, targets, compute, rows, new Wanted(hidden.requires_grad, projection.requires_grad));
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (hidden, projection, targets) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        var (compute, chunk) = ((ScalarType)vars[3], (int)vars[4]);
        ctx.save_for_backward([hidden, projection, targets]);
        ctx.save_data("compute", compute);
        ctx.save_data("chunk", chunk);
        ctx.save_data("wanted", vars[5]);
        using var scope = NewDisposeScope();
        var weight = Weights.Round(projection, compute);
        var logProbs = empty_like(targets, hidden.dtype);
        foreach (var (start, length) in Chunks(hidden.shape[0], chunk))
        {
            using var chunkScope = NewDisposeScope();
            var losses = nn.functional.cross_entropy(
                Logits(hidden, weight, start, length), targets.narrow(0, start, length), reduction: nn.Reduction.None);
            logProbs.narrow(0, start, length).copy_(losses.neg_());
        }

        return logProbs.MoveToOuterDisposeScope();
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (hidden, projection, targets) = (saved[0], saved[1], saved[2]);
        var (compute, chunk, wanted) = ((ScalarType)ctx.get_data("compute"), (int)ctx.get_data("chunk"), (Wanted)ctx.get_data("wanted"));
        var weight = Weights.Round(projection, compute);
        var hiddenSlope = wanted.Hidden ? empty_like(hidden) : null;
        var projectionSlope = wanted.Projection ? zeros_like(projection) : null;
        foreach (var (start, length) in Chunks(hidden.shape[0], chunk))
        {
            using var chunkScope = NewDisposeScope();
            var rowSlope = grad_output.narrow(0, start, length).unsqueeze(1);                                     // [C, 1]
            var slope = Logits(hidden, weight, start, length).softmax(-1);                                        // [C, V]
            slope.mul_(rowSlope.neg()).scatter_add_(1, targets.narrow(0, start, length).unsqueeze(1), rowSlope);
            var rounded = Weights.Round(slope, compute);
            hiddenSlope?.narrow(0, start, length).copy_(rounded.mm(weight));
            projectionSlope?.add_(rounded.t().mm(Weights.Round(hidden.narrow(0, start, length), compute)));
        }

        return [hiddenSlope?.MoveToOuterDisposeScope()!, projectionSlope?.MoveToOuterDisposeScope()!, null!, null!, null!, null!];
    }

    private static Tensor Logits(Tensor hidden, Tensor weight, long start, long length) =>
        nn.functional.linear(hidden.narrow(0, start, length).to(weight.dtype), weight).to(hidden.dtype);

    private static IEnumerable<(long Start, long Length)> Chunks(long rows, int chunk)
    {
        for (var start = 0L; start < rows; start += chunk)
        {
            yield return (start, Math.Min(chunk, rows - start));
        }
    }

    /// <summary>Which gradients anybody waits for.</summary>
    private sealed record Wanted(bool Hidden, bool Projection);
}
