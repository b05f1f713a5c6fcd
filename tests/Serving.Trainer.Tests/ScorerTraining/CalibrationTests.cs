using Serving.Trainer.Policy;
using Serving.Trainer.ScorerTraining;
using TorchSharp;
using TorchSharp.Modules;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class CalibrationTests
{
    [Fact]
    public void Logits_that_are_three_times_too_sure_and_too_high_are_brought_back()
    {
        var random = new Random(5);
        var (logits, truths) = (new List<float>(), new List<bool>());
        for (var i = 0; i < 20_000; i++)
        {
            var x = (6 * random.NextDouble()) - 3;
            truths.Add(random.NextDouble() < 1 / (1 + Math.Exp(-x)));
            logits.AddRange([(float)((3 * x) + 1), 0]);
        }

        using var tensor = torch.tensor(logits.ToArray(), [truths.Count, 2]);

        var (scale, shift) = Calibration.Fit(tensor, truths);

        Assert.Equal(1 / 3.0, scale, 0.02);
        Assert.Equal(-1 / 3.0, shift, 0.06);
    }

    [Fact]
    public void A_scaled_last_layer_gives_the_scaled_logits()
    {
        using var weight = new Parameter(torch.tensor(new float[] { 1, 2, 3, 4 }, [2, 2]));
        using var bias = new Parameter(torch.tensor(new float[] { 1, -1 }));

        new Calibration(0.5, 0.25).Apply(weight, bias);

        Assert.Equal([0.5f, 1, 1.5f, 2], weight.ToFloats());
        Assert.Equal([0.75f, -0.5f], bias.ToFloats());
    }
}
