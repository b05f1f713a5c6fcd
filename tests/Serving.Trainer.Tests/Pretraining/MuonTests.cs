using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Pretraining;

public sealed class MuonTests
{
    public MuonTests() => torch.set_num_threads(1);

    [Theory]
    [InlineData(24, 24)]
    [InlineData(16, 64)]
    [InlineData(64, 16)]
    public void Orthogonalising_brings_every_singular_value_near_one_and_keeps_the_singular_vectors(int rows, int columns)
    {
        using var scope = NewDisposeScope();
        var matrix = randn([rows, columns], ScalarType.Float64, generator: new Generator(5));
        var (u, _, vh) = linalg.svd(matrix, fullMatrices: false);

        var orthogonal = Muon.Orthogonalised(matrix);

        // U^T X V is diagonal where the singular vectors are kept; its diagonal holds the singular values.
        var inner = u.t().mm(orthogonal).mm(vh.t());
        var values = inner.diagonal().data<double>().ToArray();
        Assert.All(values, value => Assert.InRange(value, 0.3, 1.3));               // the smallest of a random matrix is the slowest to grow
        Assert.InRange(values.Average(), 0.8, 1.15);
        Assert.True((inner - inner.diagonal().diag()).abs().max().item<double>() < 1e-9);
    }

    [Fact]
    public void Matrices_that_are_stored_as_one_move_as_if_they_were_stored_apart()
    {
        using var scope = NewDisposeScope();
        var generator = new Generator(7);
        var (values, gradients) = (randn([12, 8], generator: generator), randn([12, 8], generator: generator));
        using var together = With(values, gradients);
        using var first = With(values[..4], gradients[..4]);
        using var second = With(values[4..], gradients[4..]);

        Step(new PackedMatrix(together, [4, 8]));
        Step(new PackedMatrix(first, [4]));
        Step(new PackedMatrix(second, [8]));

        Assert.Equal(together.ToFloats(), cat([first, second], 0).ToFloats());
        Assert.NotEqual(values.ToFloats(), together.ToFloats());

        static Parameter With(Tensor value, Tensor gradient)
        {
            var parameter = new Parameter(value.clone().DetachFromDisposeScope());
            parameter.grad = gradient.clone();
            return parameter;
        }

        static void Step(PackedMatrix matrix)
        {
            using var muon = new Muon([matrix], weightDecay: 0.1);
            muon.Step(0.01);
            muon.Step(0.01);
        }
    }
}
