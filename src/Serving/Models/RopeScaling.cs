namespace Serving.Models;

/// <summary>How rotary frequencies are stretched for contexts longer than those of pre-training.</summary>
public enum RopeScalingKind
{
    /// <summary>"linear": every frequency divided by the factor.</summary>
    Linear,

    /// <summary>"llama3": only long waves are divided, with a smooth passage between long and short.</summary>
    Llama3,
}

/// <summary>The rope_scaling of a config.json. Immutable.</summary>
public sealed record RopeScaling
{
    public required RopeScalingKind Kind { get; init; }

    /// <summary>At least 1.</summary>
    public required double Factor { get; init; }

    /// <summary>Waves longer than OriginalMaxPositions / this are long (Llama3 only).</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Waves shorter than OriginalMaxPositions / this are short and stay as they are (Llama3 only); larger than the low one.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Context of pre-training in tokens (Llama3 only).</summary>
    public int OriginalMaxPositions { get; init; } = 8192;

    /// <summary>The scaled form of one frequency, in radians per token.</summary>
    internal double Scale(double frequency)
    {
        if (Kind == RopeScalingKind.Linear)
        {
            return frequency / Factor;
        }

        // How many waves fit into the original context: up to low = long, from high on = short, between them a mixture.
        var waves = OriginalMaxPositions * frequency / (2 * Math.PI);
        var shortness = Math.Clamp((waves - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return (shortness * frequency) + ((1 - shortness) * frequency / Factor);
    }
}
