using Serving.Trainer.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>Problems whose every answer can be listed: T3 (one token of three) and T27 (three tokens of three, no end token).</summary>
internal static class Testbed
{
    public static readonly double[] T3 = [.5, .3, .2];
    public static readonly double[] T3Rewards = [0, 1, 2];
    public static readonly double[] T27 = [.. Enumerable.Range(0, 27).Select(i => T3[i / 9] * T3[i / 3 % 3] * T3[i % 3])];
    public static readonly double[] T27Rewards = [.. Enumerable.Range(0, 27).Select(i => (double)(((7 * i) + 5) % 27))];

    public static double Divergence(IReadOnlyList<double> p, IReadOnlyList<double> q) =>
        p.Zip(q, (a, b) => a == 0 ? 0 : a * Math.Log(a / b)).Sum();

    public static double Jeffreys(IReadOnlyList<double> p, IReadOnlyList<double> q) => (Divergence(p, q) + Divergence(q, p)) / 2;

    public static double Mean(IReadOnlyList<double> p, Func<int, double> value) => p.Select((mass, i) => mass * value(i)).Sum();

    /// <summary>Chance of a draw of p over a draw of q, ties counted half.</summary>
    public static double WinRate(IReadOnlyList<double> p, IReadOnlyList<double> q, IReadOnlyList<double> rewards)
    {
        var (below, upTo) = BestOfNDistribution.Quantiles(q, rewards);
        return Mean(p, i => (below[i] + upTo[i]) / 2);
    }

    public static Tensor Vector(IEnumerable<double> values) => tensor(values.ToArray(), ScalarType.Float64);

    public static Tensor Logs(IEnumerable<double> values) => Vector(values.Select(value => Math.Log(value)));

    public static double[] Values(Tensor vector) => vector.detach().data<double>().ToArray();

    public static double[] Softmax(Tensor logits) => Values(special.log_softmax(logits, -1).exp());

    /// <summary>Gradient descent on logits of a categorical policy; every step has its own dispose scope. Returns the final distribution.</summary>
    public static double[] Descend(IReadOnlyList<double> start, int steps, double rate, Func<Tensor, Tensor> lossOfLogProbs)
    {
        using var outer = NewDisposeScope();
        var logits = Logs(start).requires_grad_();
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            var gradient = Gradient(logits, lossOfLogProbs);
            using (no_grad())
            {
                logits.sub_(gradient * rate);
            }
        }

        return Softmax(logits);
    }

    /// <summary>d loss / d logits of a categorical policy.</summary>
    public static Tensor Gradient(Tensor logits, Func<Tensor, Tensor> lossOfLogProbs) =>
        autograd.grad([lossOfLogProbs(special.log_softmax(logits, -1))], [logits])[0];

    public static double LargestGradient(IReadOnlyList<double> policy, Func<Tensor, Tensor> lossOfLogProbs)
    {
        using var scope = NewDisposeScope();
        return Gradient(Logs(policy).requires_grad_(), lossOfLogProbs).abs().max().item<double>();
    }

    /// <summary>The largest gap between the gradient that autograd gives and central differences, over all entries of x.</summary>
    public static double FiniteDifferenceGap(double[] x, Func<Tensor, Tensor> loss, double step = 1e-5)
    {
        using var scope = NewDisposeScope();
        var point = Vector(x).requires_grad_();
        var gradient = Values(autograd.grad([loss(point)], [point])[0]);
        var gap = 0.0;
        for (var i = 0; i < x.Length; i++)
        {
            double At(double shift)
            {
                using var inner = NewDisposeScope();
                var moved = (double[])x.Clone();
                moved[i] += shift;
                return loss(Vector(moved)).item<double>();
            }

            gap = Math.Max(gap, Math.Abs(gradient[i] - ((At(step) - At(-step)) / (2 * step))));
        }

        return gap;
    }

    public static void Near(IReadOnlyList<double> expected, IReadOnlyList<double> actual, double tolerance)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"entry {i}: expected {expected[i]}, got {actual[i]}");
        }
    }
}
