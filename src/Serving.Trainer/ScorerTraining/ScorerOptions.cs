using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.ScorerTraining;

/// <summary>What a scorer learns.</summary>
public enum ScorerTask
{
    /// <summary>Is the synopsis supported by the description? Cross-entropy over "entailment" and a class for every kind of wrong one.</summary>
    Entailment,

    /// <summary>Which synopsis would a person have written? One scalar; pairwise preferences (Bradley-Terry).</summary>
    Reward,
}

/// <summary>One scorer training run. Immutable; the run is a function of these and the data.</summary>
public sealed record ScorerTrainingOptions
{
    public required ScorerTask Task { get; init; }

    public required string Data { get; init; }

    public required string Validation { get; init; }

    /// <summary>Folder with tokenizer.json.</summary>
    public required string Tokenizer { get; init; }

    public required string Run { get; init; }

    /// <summary>Folder of the policy, or of the likelihood scorer, that a likelihood scorer begins from; null = a BERT-family encoder from random weights.</summary>
    public string? From { get; init; }

    public PairPart Part { get; init; }

    /// <summary>JSON Lines {"id", "samples": [...]}: answers of policies to training documents. Optional.</summary>
    public IReadOnlyList<string> Samples { get; init; } = [];

    /// <summary>The same for validation documents.</summary>
    public IReadOnlyList<string> ValidationSamples { get; init; } = [];

    /// <summary>Of an encoder.</summary>
    public int HiddenSize { get; init; } = 128;

    public int Layers { get; init; } = 2;

    public int Heads { get; init; } = 2;

    public int IntermediateSize { get; init; } = 512;

    /// <summary>Share of the own synopsis's tokens that an encoder has to guess; 0 = no such exercise.</summary>
    public double MaskedShare { get; init; }

    public required int Steps { get; init; }

    public double PeakLearningRate { get; init; } = 1e-3;

    /// <summary>Learning rate of a likelihood scorer's decoder relative to its head's; 0 = its weights stay, and steps cost a third.</summary>
    public double DecoderRate { get; init; } = 0.1;

    public double WeightDecay { get; init; } = 0.05;

    public double Dropout { get; init; } = 0.1;

    public int TokensPerBatch { get; init; } = 4096;

    /// <summary>Synopses per description, the own one included.</summary>
    public int GroupSize { get; init; } = 4;

    /// <summary>Tokens of a description that are shown at most.</summary>
    public int LongestSource { get; init; } = 128;

    public int Seed { get; init; } = 1;

    public TrainingDevice Device { get; init; }

    public bool Resume { get; init; }
}
