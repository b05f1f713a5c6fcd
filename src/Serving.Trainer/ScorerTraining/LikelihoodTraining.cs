using Serving.Models;
using Serving.Scoring;
using Serving.Trainer.Likelihood;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>A likelihood scorer under training: its decoder, which begins as a trained policy, moves more slowly than its new head.</summary>
internal sealed class LikelihoodTraining(LikelihoodModule module, PairEncoder encoder, double decoderRate) : TrainableScorer
{
    private readonly LikelihoodBatchBuilder _builder = new(encoder);

    public override PairEncoder Encoder => encoder;

    public override IEnumerable<(Parameter Parameter, double RateFactor)> Parameters =>
        [.. module.DecoderParameters.Select(parameter => (parameter, decoderRate)), .. module.HeadParameters.Select(parameter => (parameter, 1.0))];

    public override Tensor Logits(IReadOnlyList<ScorerGroup> groups, bool training)
    {
        using var batch = _builder.Build([.. groups.Select(group => (group.Source, group.Answers))]);
        return module.forward(batch);
    }

    public override void Write(string folder) => LikelihoodWeights.Write(module, folder);

    public override void WriteWeights(string path) => LikelihoodWeights.WriteTensors(module, path);

    public override void ReadWeights(string path)
    {
        using var file = SafetensorsFile.Open(path);
        LikelihoodWeights.Read(file, module);
    }

    public override void Dispose() => module.Dispose();
}
