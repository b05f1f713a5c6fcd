using Serving.Models;
using Serving.Tokenization;

namespace Serving.Testing;

/// <summary>Writes small likelihood scorers with seeded random weights: the policy of <see cref="TinyPolicy"/> under a head that answers differ clearly by.</summary>
public static class TinyLikelihood
{
    public static LikelihoodConfig Config(IReadOnlyList<string> labels, DecoderConfig? decoder = null) =>
        new() { Decoder = decoder ?? TinyPolicy.Config, Labels = labels, HeadSize = 24 };

    /// <summary>Writes config.json, tokenizer.json and model.safetensors.</summary>
    public static void Write(string folder, LikelihoodConfig config, int seed = 1)
    {
        Directory.CreateDirectory(folder);
        config.Write(folder);
        BytePairTrainer.Train([TinyScorer.Corpus], config.Decoder.VocabularySize, TinyScorer.Specials).Write(folder);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), Weights(config, seed));
    }

    /// <summary>The tensors of the decoder, then those of the head.</summary>
    public static IReadOnlyList<NamedTensor> Weights(LikelihoodConfig config, int seed)
    {
        var random = new Random(seed);
        return
        [
            .. TinyPolicy.Weights(config.Decoder, seed),
            Tensor("score.token.weight", 1.5 / Math.Sqrt(config.TokenWidth), config.HeadSize, config.TokenWidth),
            Tensor("score.token.bias", 0.2, config.HeadSize),
            Tensor("score.label.weight", 1.5 / Math.Sqrt(config.AnswerWidth), config.Labels.Count, config.AnswerWidth),
            Tensor("score.label.bias", 0.2, config.Labels.Count),
        ];

        NamedTensor Tensor(string name, double scale, params long[] shape) => new(name, shape, (float[])
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, size) => product * size)).Select(_ => (float)(scale * ((random.NextDouble() * 2) - 1) * Math.Sqrt(3)))]);
    }
}
