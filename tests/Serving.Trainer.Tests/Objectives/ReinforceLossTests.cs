using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class ReinforceLossTests
{
    [Fact]
    public void A_token_gets_the_reward_less_what_it_and_the_tokens_after_it_cost()
    {
        using var scope = NewDisposeScope();
        var policy = Vector([-1, -2, -3, -4, -5]);
        var anchor = Vector([-1.5, -1, -3, -6, -5.5]);        // costs per nat: .5, -1, 0 | 2, .5

        var returns = ReinforceLoss.TokenReturns(policy, anchor, Vector([10, 20]), tensor(new long[] { 0, 0, 0, 1, 1 }), .1);

        Near([10 + .05, 10 + .1, 10, 20 - .25, 20 - .05], Values(returns), 1e-13);
    }

    [Fact]
    public void The_loss_pulls_by_the_advantage_and_no_gradient_flows_into_it()
    {
        using var scope = NewDisposeScope();
        var policy = Vector([-3, -5]).requires_grad_();

        var returns = ReinforceLoss.Returns(policy, Vector([-4, -5]), Vector([1, 2]), .5);
        var loss = ReinforceLoss.PerSample(policy, returns).sum();
        loss.backward();

        Near([.5, 2], Values(returns), 1e-15);
        Near([-.5, -2], Values(policy.grad!), 1e-15);
        Assert.Equal((3 * .5) + (5 * 2), loss.item<double>(), 1e-14);
    }
}
