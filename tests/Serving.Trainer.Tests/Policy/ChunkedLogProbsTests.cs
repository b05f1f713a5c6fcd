using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Policy;

public sealed class ChunkedLogProbsTests
{
    private const int Rows = 50;
    private const int Width = 12;
    private const int Vocabulary = 70;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(25)]
    [InlineData(50)]
    [InlineData(64)]
    [InlineData(0)]
    public void Values_and_gradients_are_those_of_the_plain_formula(int chunk)
    {
        using var scope = NewDisposeScope();
        var (hidden, projection, targets, slope) = Sample(ScalarType.Float64);
        var (otherHidden, otherProjection) = (hidden.detach().clone().requires_grad_(), projection.detach().clone().requires_grad_());

        var actual = ChunkedLogProbs.Of(hidden, projection, targets, ScalarType.Float32, chunk);
        var expected = Plain(otherHidden, otherProjection, targets, ScalarType.Float32);
        (actual * slope).sum().backward();
        (expected * slope).sum().backward();

        Close(expected, actual, 1e-13);
        Close(otherHidden.grad!, hidden.grad!, 1e-13);
        Close(otherProjection.grad!, projection.grad!, 1e-13);
    }

    [Fact]
    public void Bfloat16_products_give_what_the_plain_formula_gives_with_them()
    {
        using var scope = NewDisposeScope();
        var (hidden, projection, targets, slope) = Sample(ScalarType.Float32);
        var (otherHidden, otherProjection) = (hidden.detach().clone().requires_grad_(), projection.detach().clone().requires_grad_());

        var actual = ChunkedLogProbs.Of(hidden, projection, targets, ScalarType.BFloat16, chunk: 16);
        var expected = Plain(otherHidden, otherProjection, targets, ScalarType.BFloat16);
        (actual * slope).sum().backward();
        (expected * slope).sum().backward();

        Close(expected, actual, 1e-5);
        Close(otherHidden.grad!, hidden.grad!, 0.02);
        Close(otherProjection.grad!, projection.grad!, 0.05);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_side_that_is_frozen_gets_no_gradient(bool trainHidden, bool trainProjection)
    {
        using var scope = NewDisposeScope();
        var (hidden, projection, targets, slope) = Sample(ScalarType.Float64);
        hidden.requires_grad_(trainHidden);
        projection.requires_grad_(trainProjection);

        (ChunkedLogProbs.Of(hidden, projection, targets, ScalarType.Float32, chunk: 8) * slope).sum().backward();

        Assert.Equal(trainHidden, hidden.grad is not null);
        Assert.Equal(trainProjection, projection.grad is not null);
    }

    private static (Tensor Hidden, Tensor Projection, Tensor Targets, Tensor Slope) Sample(ScalarType type)
    {
        using var generator = new Generator(3);
        return (
            randn([Rows, Width], type, generator: generator).requires_grad_(),
            randn([Vocabulary, Width], type, generator: generator).requires_grad_(),
            randint(0, Vocabulary, [Rows], ScalarType.Int64, generator: generator),
            randn([Rows], type, generator: generator));
    }

    private static Tensor Plain(Tensor hidden, Tensor projection, Tensor targets, ScalarType compute) =>
        Weights.Linear(hidden, projection, compute).log_softmax(-1).gather(1, targets.unsqueeze(1)).squeeze(1);

    private static void Close(Tensor expected, Tensor actual, double tolerance) =>
        Assert.InRange((expected - actual).abs().max().to(ScalarType.Float64).item<double>(), 0, tolerance);
}
