using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>
/// Gradient checkpointing of a <see cref="DecoderLayer"/>: forwards only its input is kept, backwards the layer is computed again, with a graph of its own
/// that lives for that moment. Nothing is drawn at random, so the second time gives the same values.
/// </summary>
internal sealed class RecomputedLayer : autograd.SingleTensorFunction<RecomputedLayer>
{
    private const int Fixed = 6;                                        // arguments before the parameters

    public override string Name => nameof(RecomputedLayer);

    /// <summary><see cref="DecoderLayer.Apply"/>, the same values and gradients.</summary>
    public static Tensor Of(DecoderLayer layer, Tensor x, Tensor cos, Tensor sin, ScalarType compute, Tensor? mask) =>
        apply([x, layer, cos, sin, mask!, compute, .. Trained(layer)]);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, layer, cos, sin) = ((Tensor)vars[0], (DecoderLayer)vars[1], (Tensor)vars[2], (Tensor)vars[3]);
        var (mask, compute) = ((Tensor?)vars[4], (ScalarType)vars[5]);
        ctx.save_for_backward([x, cos, sin, mask!]);
        ctx.save_data("layer", layer);
        ctx.save_data("compute", compute);
        ctx.save_data("wanted", x.requires_grad);
        return layer.Apply(x, cos, sin, compute, mask);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        using var recording = enable_grad();
        var saved = ctx.get_saved_variables();
        var (layer, compute, wanted) = ((DecoderLayer)ctx.get_data("layer"), (ScalarType)ctx.get_data("compute"), (bool)ctx.get_data("wanted"));
        var x = saved[0].detach().requires_grad_(wanted);
        var y = layer.Apply(x, saved[1], saved[2], compute, saved[3]);
        var parameters = Trained(layer);
        var gradients = autograd.grad([y], [.. wanted ? [x] : Array.Empty<Tensor>(), .. parameters], [grad_output])
            .Select(gradient => gradient.MoveToOuterDisposeScope()).ToArray();
        return
        [
            wanted ? gradients[0] : null!,
            .. Enumerable.Repeat<Tensor>(null!, Fixed - 1),
            .. gradients[(wanted ? 1 : 0)..],
        ];
    }

    private static Tensor[] Trained(DecoderLayer layer) => [.. layer.parameters().Where(parameter => parameter.requires_grad)];
}
