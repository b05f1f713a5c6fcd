using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Testing;

/// <summary>
/// Writes small scorer folders with seeded random weights: real config, tokenizer, safetensors and graph. The weights are large enough that
/// answers differ clearly in score.
/// </summary>
public static class TinyScorer
{
    public static readonly string[] Specials = ["<pad>", "<s>", "</s>", "<sum>"];

    public static readonly string[] RewardLabels = ["reward"];

    public static readonly string[] EntailmentLabels = ["not_entailment", "entailment"];

    internal const string Corpus =
        "A package for reading and writing compressed archives from the command line. It converts address books and alias files into the widely-used "
        + "vCard format. Perl module to parse dates. Python 3 bindings for the library. Real-time strategy game of ancient warfare. GNU R package for plots.";

    /// <summary>A config of the size that tests want: 2 layers, 32 wide.</summary>
    public static EncoderConfig Config(IReadOnlyList<string> labels, int maxPositions = 96, bool marksOverlap = true) => new()
    {
        VocabularySize = 320,
        HiddenSize = 32,
        Layers = 2,
        Heads = 2,
        IntermediateSize = 48,
        MaxPositions = maxPositions,
        TypeVocabularySize = marksOverlap ? 4 : 2,
        Labels = labels,
        MarksOverlap = marksOverlap,
    };

    /// <summary>Publishes models "reward" and "entailment", as the default scorecard wants them.</summary>
    public static void PublishBoth(ModelStore store, int seed = 1)
    {
        Publish(store, "reward", Config(RewardLabels), seed);
        Publish(store, "entailment", Config(EntailmentLabels), seed + 1);
    }

    public static ModelFolder Publish(ModelStore store, string name, EncoderConfig config, int seed, IEnumerable<string>? texts = null) =>
        store.Publish(name, ModelKind.Scorer, folder => Write(folder, config, seed, texts));

    /// <summary>Writes config.json, tokenizer.json, model.safetensors and model.onnx.</summary>
    /// <param name="folder">Made if need be.</param>
    /// <param name="config">Shape of the model.</param>
    /// <param name="seed">Of the weights.</param>
    /// <param name="texts">What the tokenizer learns from; a few sentences of its own when null.</param>
    public static void Write(string folder, EncoderConfig config, int seed, IEnumerable<string>? texts = null)
    {
        Directory.CreateDirectory(folder);
        config.Write(folder);
        BytePairTrainer.Train(texts ?? [Corpus], config.VocabularySize, Specials).Write(folder);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), Weights(config, seed));
        EncoderGraph.Write(folder);
    }

    /// <summary>Hugging Face BERT tensors of a config with seeded random values.</summary>
    public static IReadOnlyList<NamedTensor> Weights(EncoderConfig config, int seed)
    {
        var random = new Random(seed);
        var tensors = new List<NamedTensor>();
        int d = config.HiddenSize, inner = config.IntermediateSize;
        Matrix("bert.embeddings.word_embeddings", config.VocabularySize, d, 1);
        Matrix("bert.embeddings.position_embeddings", config.MaxPositions, d, 0.5);
        Matrix("bert.embeddings.token_type_embeddings", config.TypeVocabularySize, d, 1);
        Norm("bert.embeddings.LayerNorm");
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = $"bert.encoder.layer.{i}.";
            Dense(layer + "attention.self.query", d, d);
            Dense(layer + "attention.self.key", d, d);
            Dense(layer + "attention.self.value", d, d);
            Dense(layer + "attention.output.dense", d, d);
            Norm(layer + "attention.output.LayerNorm");
            Dense(layer + "intermediate.dense", inner, d);
            Dense(layer + "output.dense", d, inner);
            Norm(layer + "output.LayerNorm");
        }

        Dense("bert.pooler.dense", d, d);
        Dense("classifier", config.Labels.Count, d);
        return tensors;

        void Dense(string name, int rows, int columns)
        {
            Matrix(name, rows, columns, 1.5 / Math.Sqrt(columns));
            Vector(name + ".bias", rows, 0, 0.2);
        }

        void Norm(string name)
        {
            Vector(name + ".weight", d, 1, 0.2);
            Vector(name + ".bias", d, 0, 0.2);
        }

        void Matrix(string name, int rows, int columns, double scale) =>
            tensors.Add(new NamedTensor(name + ".weight", [rows, columns], Values(rows * columns, 0, scale)));

        void Vector(string name, int length, double centre, double scale) => tensors.Add(new NamedTensor(name, [length], Values(length, centre, scale)));

        float[] Values(int count, double centre, double scale) =>
            [.. Enumerable.Range(0, count).Select(_ => (float)(centre + (scale * ((random.NextDouble() * 2) - 1) * Math.Sqrt(3))))];
    }
}
