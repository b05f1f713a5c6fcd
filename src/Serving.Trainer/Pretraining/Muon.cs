using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// Moves hidden matrices by their orthogonalised momentum (Muon, Jordan et al. 2024): five Newton-Schulz iterations replace the singular values of the
/// momentum by ones, so that all directions of a matrix learn at one speed. Updates are scaled to the size of AdamW's (0.2 sqrt(longer side), Liu et al.,
/// arXiv:2502.16982), so both share a learning rate. Used from one thread.
/// </summary>
internal sealed class Muon : IDisposable
{
    private const double Momentum = 0.95;
    private const double SizeOfAdam = 0.2;
    private const int Iterations = 5;

    private static readonly (double Linear, double Cubic, double Quintic) _polynomial = (3.4445, -4.7750, 2.0315);

    private readonly IReadOnlyList<PackedMatrix> _matrices;
    private readonly Tensor[] _momenta;
    private readonly double _weightDecay;

    public Muon(IReadOnlyList<PackedMatrix> matrices, double weightDecay)
    {
        (_matrices, _weightDecay) = (matrices, weightDecay);
        _momenta = [.. matrices.Select(matrix => zeros_like(matrix.Parameter, requires_grad: false))];
    }

    /// <summary>One step along the parameters' gradients.</summary>
    public void Step(double rate)
    {
        using var quiet = no_grad();
        for (var i = 0; i < _matrices.Count; i++)
        {
            using var scope = NewDisposeScope();
            var (parameter, parts) = _matrices[i];
            var gradient = parameter.grad ?? throw new InvalidOperationException("A matrix has no gradient: call backward first.");
            _momenta[i].mul_(Momentum).add_(gradient, alpha: 1 - Momentum);
            var ahead = (gradient * (1 - Momentum)) + (_momenta[i] * Momentum);                   // Nesterov
            var start = 0L;
            foreach (var rows in parts)
            {
                var update = Orthogonalised(ahead.narrow(0, start, rows));
                var size = SizeOfAdam * Math.Sqrt(Math.Max(update.shape[0], update.shape[1]));
                parameter.narrow(0, start, rows).mul_(1 - (rate * _weightDecay)).add_(update, alpha: -rate * size);
                start += rows;
            }
        }
    }

    /// <summary>The momenta, in the matrices' order.</summary>
    public void Write(BinaryWriter writer)
    {
        foreach (var momentum in _momenta)
        {
            using var values = momentum.cpu();
            writer.Write(values.bytes);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="EndOfStreamException">It is shorter than these matrices.</exception>
    public void Read(BinaryReader reader)
    {
        foreach (var momentum in _momenta)
        {
            using var values = empty_like(momentum, device: CPU);
            reader.ReadExactly(values.bytes);
            momentum.copy_(values);
        }
    }

    public void Dispose()
    {
        foreach (var momentum in _momenta)
        {
            momentum.Dispose();
        }
    }

    /// <summary>About U V^T of the singular value decomposition U S V^T: singular values end between 0.7 and 1.2.</summary>
    internal static Tensor Orthogonalised(Tensor matrix)
    {
        var tall = matrix.shape[0] > matrix.shape[1];
        var x = tall ? matrix.t() : matrix;                                                       // the smaller side is multiplied out
        x = x / (x.norm() + 1e-7);
        for (var i = 0; i < Iterations; i++)
        {
            var square = x.mm(x.t());
            var factor = (square * _polynomial.Cubic) + (square.mm(square) * _polynomial.Quintic);
            x = (x * _polynomial.Linear) + factor.mm(x);
        }

        return tall ? x.t() : x;
    }
}

/// <summary>A parameter of one or more matrices stacked by rows.</summary>
/// <param name="Parameter">[sum of rows, columns].</param>
/// <param name="Rows">Of every matrix.</param>
internal sealed record PackedMatrix(Parameter Parameter, IReadOnlyList<long> Rows);
