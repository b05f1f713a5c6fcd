using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class BonBonLossTests
{
    [Theory]
    [InlineData(8, 0.02754820937)]
    [InlineData(2, .5)]
    [InlineData(3, 1 / (2 * 2 * 1.5))]
    public void Its_beta_has_the_closed_form(int candidates, double beta)
    {
        Assert.Equal(beta, BonBonLoss.Beta(candidates), 1e-11);
        Assert.Throws<ArgumentOutOfRangeException>(() => BonBonLoss.Beta(1));
    }

    /// <summary>The margin that beta_n stands for: (n-1) (log p(best) - log p(worst)) for n uniform quantiles, integrated by the midpoint rule.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void The_margin_it_aims_at_is_best_of_ns_own(int candidates)
    {
        const int Cells = 400_000;
        var margin = Enumerable.Range(0, Cells).Select(i => (i + .5) / Cells)
            .Average(p => candidates * (Math.Pow(p, candidates - 1) - Math.Pow(1 - p, candidates - 1)) * Math.Log(p) * (candidates - 1));

        Assert.Equal(margin, .5 / BonBonLoss.Beta(candidates), 1e-3);
    }

    [Fact]
    public void A_group_gives_the_loss_and_gradient_worked_out_by_hand()
    {
        using var scope = NewDisposeScope();
        var best = Vector([-3]).requires_grad_();
        var worst = Vector([-5]).requires_grad_();

        // h = (-3 + 2) - (-5 + 6) = -2, aims at 1.
        var loss = BonBonLoss.PerGroup(best, worst, Vector([-2]), Vector([-6]), Vector([.5]), alpha: .25).sum();
        loss.backward();

        Assert.Equal((.75 * 9) + (.25 * 3), loss.item<double>(), 1e-14);
        Near([(.75 * 2 * -3) - .25], Values(best.grad!), 1e-14);
        Near([.75 * 2 * 3], Values(worst.grad!), 1e-14);
    }
}
