using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>
/// Platt scaling (Platt 1999; Guo et al. 2017, section 4): a softmax over classes whose logits are multiplied by one number, and raised by another for the favoured
/// class, so that of the pairs that get a probability p about p are favoured.
/// </summary>
/// <param name="Scale">Of every logit; below 1 = the model was too sure.</param>
/// <param name="Shift">Of the favoured class's logit.</param>
internal readonly record struct Calibration(double Scale, double Shift)
{
    private const int Steps = 400;
    private const double LearningRate = 0.02;

    /// <summary>The numbers that make <paramref name="favoured"/> likeliest; the favoured pairs and the others weigh the same.</summary>
    /// <param name="logits">[n, labels], the favoured class first.</param>
    /// <param name="favoured">n truths; both kinds occur.</param>
    public static Calibration Fit(Tensor logits, IReadOnlyList<bool> favoured)
    {
        using var scope = NewDisposeScope();
        var positives = favoured.Count(own => own);
        var truths = tensor(favoured.Select(own => own ? 1f : 0f).ToArray());
        var weights = tensor(favoured.Select(own => 0.5f / (own ? positives : favoured.Count - positives)).ToArray());
        var favouredOnly = zeros(logits.shape[1]);
        favouredOnly[ScorerLabels.Favoured] = 1;
        using var logScale = new Parameter(zeros(1));
        using var shift = new Parameter(zeros(1));
        using var optimizer = optim.Adam([logScale, shift], LearningRate);
        for (var step = 0; step < Steps; step++)
        {
            using var stepScope = NewDisposeScope();
            var scaled = (logits.detach() * logScale.exp()) + (shift * favouredOnly);
            var chosen = scaled.select(1, ScorerLabels.Favoured);
            var rest = scaled.narrow(1, 1, scaled.shape[1] - 1).logsumexp(1);
            var loss = nn.functional.binary_cross_entropy_with_logits(chosen - rest, truths, weights, nn.Reduction.Sum);
            optimizer.zero_grad();
            loss.backward();
            optimizer.step();
        }

        return new Calibration(Math.Exp(logScale.item<float>()), shift.item<float>());
    }

    /// <summary>Puts the scaling into a last layer: weight [labels, n], bias [labels].</summary>
    public void Apply(Parameter weight, Parameter bias)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        weight.mul_(Scale);
        bias.mul_(Scale);
        bias[ScorerLabels.Favoured] = bias[ScorerLabels.Favoured] + Shift;
    }
}
