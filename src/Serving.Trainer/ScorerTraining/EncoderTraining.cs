using Serving.Scoring;
using Serving.Trainer.Encoder;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>
/// A BERT-family pair encoder under training. Beside its own task it may guess hidden words of the own synopsis from the description and the rest
/// (masked language modelling, Devlin et al. 2019), through the word embeddings, which needs no weight that the scorer does not have.
/// </summary>
internal sealed class EncoderTraining(EncoderModule module, PairEncoder encoder, double maskedShare) : TrainableScorer
{
    public override PairEncoder Encoder => encoder;

    public override IEnumerable<(Parameter Parameter, double RateFactor)> Parameters => module.parameters().Select(parameter => (parameter, 1.0));

    public override (Parameter Weight, Parameter Bias) LastLayer => (module.ClassifierWeight, module.ClassifierBias);

    public override Tensor Logits(IReadOnlyList<ScorerGroup> groups, bool training)
    {
        module.train(training);
        var batch = PairBatch.Of([.. groups.SelectMany(group => group.Answers.Select(answer => encoder.Pack(group.Source, answer)))], module.Config.PadTokenId);
        return module.forward(batch.IdTensor(), batch.TypeTensor(), batch.MaskTensor());
    }

    public override Tensor? AuxiliaryLoss(IReadOnlyList<ScorerGroup> groups, Random random)
    {
        if (maskedShare == 0)
        {
            return null;
        }

        module.train();
        var pad = module.Config.PadTokenId;                                     // stands for [MASK]
        var answers = groups.Select(group => group.Answers[0]).ToArray();
        var hidden = answers.Select(answer => answer.Select(_ => random.NextDouble() < maskedShare).ToArray()).ToArray();
        var pairs = groups.Select((group, row) =>                               // packed with the gaps, so that no mark of overlap tells
            encoder.Pack(group.Source, [.. answers[row].Select((id, t) => hidden[row][t] ? pad : id)])).ToArray();
        var batch = PairBatch.Of(pairs, pad);
        var (positions, targets) = (new List<long>(), new List<long>());
        for (var row = 0; row < pairs.Length; row++)
        {
            var first = pairs[row].Length - 1 - answers[row].Length;
            for (var t = 0; t < answers[row].Length; t++)
            {
                if (hidden[row][t])
                {
                    positions.Add((row * batch.Length) + first + t);
                    targets.Add(answers[row][t]);
                }
            }
        }

        if (positions.Count == 0)
        {
            return null;
        }

        var states = module.Encode(batch.IdTensor(), batch.TypeTensor(), batch.MaskTensor())
            .reshape(-1, module.Config.HiddenSize).index_select(0, tensor(positions.ToArray()));
        return nn.functional.cross_entropy(nn.functional.linear(states, module.Words), tensor(targets.ToArray()));
    }

    public override void Write(string folder) => EncoderWeights.Write(module, folder);

    public override void WriteWeights(string path) => EncoderWeights.WriteTensors(module, path);

    public override void ReadWeights(string path)
    {
        using var file = Models.SafetensorsFile.Open(path);
        EncoderWeights.Read(file, module);
    }

    public override void Dispose() => module.Dispose();
}
