using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Tests.Pretraining;

public sealed class LearningRateTests
{
    [Fact]
    public void It_warms_up_linearly_peaks_and_falls_to_its_floor()
    {
        var rate = new LearningRate(Peak: 2, WarmUp: 10, Steps: 110, Floor: 0.05);

        Assert.Equal(0.2, rate.At(0), 9);
        Assert.Equal(2, rate.At(9), 9);
        Assert.Equal(2, rate.At(10), 9);
        Assert.Equal((2 * 0.05) + (2 * 0.95 * 0.5), rate.At(60), 9);
        Assert.Equal(0.1, rate.At(110), 9);
        Assert.Equal(0.1, rate.At(500), 9);
    }
}
