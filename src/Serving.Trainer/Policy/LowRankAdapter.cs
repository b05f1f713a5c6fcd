using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>
/// What LoRA (arXiv:2106.09685) adds to a frozen matrix W: alpha/r B A with A [r, in] random and B [out, r] zero at the beginning, so that training begins at W.
/// A packed matrix (q, k, v; gate, up) has a pair of its own for each part, as if the parts were separate.
/// </summary>
internal sealed class LowRankAdapter : nn.Module
{
    private readonly int[] _outputs;
    private readonly int _rank;
    private readonly double _scale;

    /// <param name="name">Of the module.</param>
    /// <param name="inputs">Columns of the matrix.</param>
    /// <param name="outputs">Rows of each of its parts.</param>
    /// <param name="rank">r.</param>
    /// <param name="alpha">Scale of the product, times r.</param>
    /// <param name="generator">Draws A: normal with s.d. 1/sqrt(in).</param>
    /// <param name="precision">Of the frozen matrix.</param>
    public LowRankAdapter(string name, int inputs, int[] outputs, int rank, double alpha, Generator generator, ScalarType precision)
        : base(name)
    {
        (_outputs, _rank, _scale) = (outputs, rank, alpha / rank);
        A = Weights.Normal(generator, 1 / Math.Sqrt(inputs), precision, outputs.Length * rank, inputs);
        B = Weights.Zeros(outputs.Sum(), precision, rank);
        register_parameter("lora_A", A);
        register_parameter("lora_B", B);
    }

    /// <summary>[parts r, in]: those of the parts stacked.</summary>
    public Parameter A { get; }

    /// <summary>[out, r]: those of the parts stacked.</summary>
    public Parameter B { get; }

    /// <summary>alpha/r B A x: [..., in] to [..., out].</summary>
    public Tensor Apply(Tensor x, ScalarType compute)
    {
        var narrow = Weights.Linear(x, A, compute);                                                                          // [..., parts r]
        return cat([.. Parts().Select(part => Weights.Linear(narrow.narrow(-1, part.From, _rank), part.B, compute))], -1) * _scale;
    }

    /// <summary>alpha/r B A, [out, in].</summary>
    public Tensor Delta()
    {
        using var scope = NewDisposeScope();
        return (cat([.. Parts().Select(part => part.B.mm(A.narrow(0, part.From, _rank)))], 0) * _scale).MoveToOuterDisposeScope();
    }

    private IEnumerable<(long From, Tensor B)> Parts()
    {
        var row = 0L;
        for (var i = 0; i < _outputs.Length; i++)
        {
            yield return (i * (long)_rank, B.narrow(0, row, _outputs[i]));
            row += _outputs[i];
        }
    }
}
