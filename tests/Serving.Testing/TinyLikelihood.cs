using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Testing;

/// <summary>Writes small likelihood scorers with seeded random weights: the policy of <see cref="TinyPolicy"/> under a head of weights as large.</summary>
public static class TinyLikelihood
{
    public static LikelihoodConfig Config(IReadOnlyList<string> labels, DecoderConfig? decoder = null) =>
        new() { Decoder = decoder ?? TinyPolicy.Config, Labels = labels, HeadSize = 24 };

    public static ModelFolder Publish(ModelStore store, string name, LikelihoodConfig config, int seed = 1) =>
        store.Publish(name, ModelKind.Scorer, folder => Write(folder, config, seed));

    /// <summary>Writes config.json, tokenizer.json, model.safetensors and model.onnx.</summary>
    public static void Write(string folder, LikelihoodConfig config, int seed = 1)
    {
        Directory.CreateDirectory(folder);
        config.Write(folder);
        BytePairTrainer.Train([TinyScorer.Corpus], config.Decoder.VocabularySize, TinyScorer.Specials).Write(folder);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), Weights(config, seed));
        LikelihoodGraph.Write(folder);
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
            Tensor("score.answer.weight", 1.5 / Math.Sqrt(config.AnswerWidth), config.HeadSize, config.AnswerWidth),
            Tensor("score.answer.bias", 0.2, config.HeadSize),
            Tensor("score.label.weight", 1.5 / Math.Sqrt(config.LabelWidth), config.Labels.Count, config.LabelWidth),
            Tensor("score.label.bias", 0.2, config.Labels.Count),
        ];

        NamedTensor Tensor(string name, double scale, params long[] shape)
        {
            var values = new float[shape.Aggregate(1L, (product, size) => product * size)];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = (float)(scale * ((random.NextDouble() * 2) - 1) * Math.Sqrt(3));
            }

            return new NamedTensor(name, shape, values);
        }
    }
}
