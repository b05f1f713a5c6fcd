using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Comparison;

/// <summary>
/// The held-out judge of a comparison: an entailment model that neither chooses answers nor trains policies, so that an arm which was optimised against the scorecard gains
/// nothing by that alone. Owns its model; thread-safe.
/// </summary>
public sealed class Judge : IDisposable
{
    private readonly EntailmentModel _model;

    private Judge(ModelFolder folder, EntailmentModel model) => (Id, Digest, _model) = (folder.Id, folder.Manifest.Digest, model);

    /// <summary>"name@version".</summary>
    public string Id { get; }

    /// <summary>Content digest of its manifest.</summary>
    public string Digest { get; }

    /// <param name="id">NAME or NAME@VERSION in the registry.</param>
    /// <param name="store">The registry.</param>
    /// <param name="scorecards">What answers are chosen by, loaded; the judge must not be in it.</param>
    /// <param name="settings">Batch size and queue.</param>
    /// <param name="onnx">Settings of its session; it takes one thread where they say 0.</param>
    /// <exception cref="ModelException">There is no such model, it is no entailment model, or a scorecard counts it.</exception>
    public static Judge Open(string id, ModelStore store, Scorecards scorecards, ScoringOptions settings, OnnxOptions onnx)
    {
        var folder = store.Find(id);
        if (scorecards.Scorers.Values.FirstOrDefault(other => other.Digest == folder.Manifest.Digest) is { } counted)
        {
            throw new ModelException(
                $"Experiments:Judge {folder.Id} is the scorecard's {counted.Name} too: arms are compared by a model that does not choose among answers. Name another entailment model.");
        }

        var model = ScorerModel.Load(folder, onnx.WithThreads(Math.Max(1, onnx.Threads)), settings.MaxBatch);
        try
        {
            return new Judge(folder, new EntailmentModel("judge", model, settings.MaxBatch, settings.QueueCapacity));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The probability that the source supports the answer, 0 to 1: the geometric mean over the answer's sentences.</summary>
    /// <exception cref="ScorerException">A run failed.</exception>
    public async Task<double> ScoreAsync(string source, string answer, CancellationToken cancellationToken) =>
        Math.Clamp(Math.Exp(await _model.ScoreAsync(source, answer, cancellationToken)), 0, 1);

    public void Dispose() => _model.Dispose();
}
