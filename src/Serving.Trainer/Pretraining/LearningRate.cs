namespace Serving.Trainer.Pretraining;

/// <summary>Linear warm-up, then a cosine down to a share of the peak.</summary>
public sealed record LearningRate(double Peak, int WarmUp, int Steps, double Floor = 0.05)
{
    public double At(int step)
    {
        if (step < WarmUp)
        {
            return Peak * (step + 1) / WarmUp;
        }

        var progress = Math.Min(1.0, (step - WarmUp) / (double)Math.Max(1, Steps - WarmUp));
        return Peak * (Floor + ((1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * progress))));
    }
}
