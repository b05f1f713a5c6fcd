namespace Serving.Trainer.ScorerTraining;

/// <summary>What a scorer learns.</summary>
public enum ScorerTask
{
    /// <summary>Is the synopsis supported by the description? Two classes, cross-entropy.</summary>
    Entailment,

    /// <summary>Which synopsis would a person have written? One scalar; the human synopsis is preferred over every other of its group.</summary>
    Reward,
}

/// <summary>One scorer training run. Immutable; the run is a function of these and the data.</summary>
public sealed record ScorerTrainingOptions
{
    public required ScorerTask Task { get; init; }

    public required string Data { get; init; }

    public required string Validation { get; init; }

    public required string Tokenizer { get; init; }

    public required string Run { get; init; }

    /// <summary>JSON Lines {"id", "samples": [...]}: answers of a policy to training documents, as negatives of the reward. Optional.</summary>
    public string? Samples { get; init; }

    /// <summary>The same for validation documents.</summary>
    public string? ValidationSamples { get; init; }

    public int HiddenSize { get; init; } = 128;

    public int Layers { get; init; } = 2;

    public int Heads { get; init; } = 2;

    public int IntermediateSize { get; init; } = 512;

    public required int Steps { get; init; }

    public double PeakLearningRate { get; init; } = 1e-3;

    public double WeightDecay { get; init; } = 0.05;

    public double Dropout { get; init; } = 0.1;

    public int TokensPerBatch { get; init; } = 8192;

    public int Seed { get; init; } = 1;

    public bool Resume { get; init; }
}
