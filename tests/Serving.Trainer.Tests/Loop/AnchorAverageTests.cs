using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Loop;

public sealed class AnchorAverageTests
{
    [Fact]
    public void It_begins_at_the_policy_and_follows_it_at_the_rate_given()
    {
        using var scope = NewDisposeScope();
        using var policy = new PolicyModule(Traffic.Config with { Layers = 1 }, 1);
        using var anchor = new AnchorAverage(policy);
        var start = First(anchor.Module).clone();
        Assert.True(start.equal(First(policy)).all().item<bool>());

        using (no_grad())
        {
            First(policy).add_(1);
        }

        Assert.True(start.equal(First(anchor.Module)).all().item<bool>());
        anchor.Update(policy, .25);
        anchor.Update(policy, .25);

        // 1 - .75^2 of the step.
        Assert.Equal(.4375f, (First(anchor.Module) - start).mean().item<float>(), 1e-5f);
    }

    private static TorchSharp.Modules.Parameter First(PolicyModule module) => module.parameters().First();
}
