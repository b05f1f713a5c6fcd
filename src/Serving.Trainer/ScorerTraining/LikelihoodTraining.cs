using Serving.Models;
using Serving.Scoring;
using Serving.Trainer.Likelihood;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>A likelihood scorer under training: its decoder, which begins as a trained policy, moves more slowly than its new head.</summary>
internal sealed class LikelihoodTraining : TrainableScorer
{
    private readonly LikelihoodModule _module;
    private readonly LikelihoodBatchBuilder _builder;

    /// <param name="module">Belongs to this object from now on.</param>
    /// <param name="decoderRate">Factor of the decoder's learning rate; 0 = it is frozen, and no gradient reaches it.</param>
    public LikelihoodTraining(LikelihoodModule module, PairEncoder encoder, double decoderRate)
    {
        (_module, _builder, Encoder) = (module, new LikelihoodBatchBuilder(encoder), encoder);
        if (decoderRate == 0)
        {
            foreach (var parameter in module.DecoderParameters)
            {
                parameter.requires_grad_(false);
            }
        }

        Parameters =
        [
            .. module.DecoderParameters.Where(parameter => parameter.requires_grad).Select(parameter => (parameter, decoderRate)),
            .. module.HeadParameters.Select(parameter => (parameter, 1.0)),
        ];
    }

    public override PairEncoder Encoder { get; }

    public override IEnumerable<(Parameter Parameter, double RateFactor)> Parameters { get; }

    public override (Parameter Weight, Parameter Bias) LastLayer => (_module.LabelWeight, _module.LabelBias);

    public override Tensor Logits(IReadOnlyList<ScorerGroup> groups, bool training)
    {
        using var batch = _builder.Build([.. groups.Select(group => (group.Source, group.Answers))]);
        return _module.forward(batch);
    }

    public override void Write(string folder) => LikelihoodWeights.Write(_module, folder);

    public override void WriteWeights(string path) => LikelihoodWeights.WriteTensors(_module, path);

    public override void ReadWeights(string path)
    {
        using var file = SafetensorsFile.Open(path);
        LikelihoodWeights.Read(file, _module);
    }

    public override void Dispose() => _module.Dispose();
}
