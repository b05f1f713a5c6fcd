using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Pretraining;

/// <summary>One pretraining run. Immutable; the run is a function of these and the data.</summary>
public sealed record PretrainOptions
{
    public required string Data { get; init; }

    public required string Validation { get; init; }

    /// <summary>JSON Lines of documents without summaries, for language modelling beside the pairs; null = none.</summary>
    public string? Descriptions { get; init; }

    /// <summary>Folder with tokenizer.json.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>The base of a scorer is pretrained on a part that the scorer does not see: of pairs that it knows, likelihoods say too much.</summary>
    public PairPart Part { get; init; }

    /// <summary>Folder for checkpoints and the log.</summary>
    public required string Run { get; init; }

    /// <summary>Folder of a trained policy to begin from, whose shape is kept; null = random weights of the shape below.</summary>
    public string? From { get; init; }

    /// <summary>The layers of <see cref="From"/> that are kept, in this order; none = all.</summary>
    public IReadOnlyList<int> KeepLayers { get; init; } = [];

    public required int HiddenSize { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int IntermediateSize { get; init; }

    public required int Steps { get; init; }

    public ModelFamily Family { get; init; } = ModelFamily.Qwen3;

    public PolicyOptimization Optimizer { get; init; }

    public double PeakLearningRate { get; init; } = 2e-3;

    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Share of hidden values that are dropped (<see cref="PolicyModule.Dropout"/>).</summary>
    public double Dropout { get; init; }

    public int TokensPerBatch { get; init; } = 4096;

    /// <summary>Parts that a batch's rows are split into, one after the other: the memory of one part, and the gradient of all.</summary>
    public int MicroBatches { get; init; } = 1;

    public int Seed { get; init; } = 1;

    /// <summary>Practise copying (see <see cref="PolicyPretraining"/>); a small policy with a small budget does better without.</summary>
    public bool CopyExercises { get; init; } = true;

    /// <summary>Products in bfloat16 (master weights stay fp32): faster where the processor multiplies in it, slower elsewhere.</summary>
    public bool BFloat16 { get; init; }

    public TrainingDevice Device { get; init; }

    /// <summary>Steps between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 200;

    public bool Resume { get; init; }

    /// <summary>All that the weights depend on, files by their content: where the run lies and how often it saves may change between resumes.</summary>
    internal JsonObject Settings()
    {
        var settings = JsonSerializer.SerializeToNode(this)!.AsObject();
        foreach (var name in (string[])[nameof(Run), nameof(Resume), nameof(CheckpointEvery)])
        {
            settings.Remove(name);
        }

        settings[nameof(Data)] = DataChecksum.Of(Data);
        settings[nameof(Validation)] = DataChecksum.Of(Validation);
        settings[nameof(Descriptions)] = Descriptions is null ? null : DataChecksum.Of(Descriptions);
        settings[nameof(Tokenizer)] = DataChecksum.Of(Path.Combine(Tokenizer, ModelFiles.Tokenizer));
        return settings;
    }
}
