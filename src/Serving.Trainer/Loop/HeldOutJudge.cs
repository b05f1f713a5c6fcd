using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;

namespace Serving.Trainer.Loop;

/// <summary>An entailment model that only watches a run's evaluations. Owns its model; thread-safe.</summary>
internal sealed class HeldOutJudge : IDisposable
{
    private const string UsualName = "judge";

    private readonly EntailmentModel _model;

    private HeldOutJudge(ModelFolder folder, EntailmentModel model) => (Id, Digest, _model) = (folder.Id, folder.Manifest.Digest, model);

    /// <summary>"name@version".</summary>
    public string Id { get; }

    /// <summary>Content digest of its manifest.</summary>
    public string Digest { get; }

    /// <param name="id">NAME or NAME@VERSION; null = "judge" where there is one, empty = none.</param>
    /// <param name="store">Registry.</param>
    /// <param name="scorer">What is trained on: the judge must not be in it.</param>
    /// <param name="scoring">Batch size, queue and threads.</param>
    /// <param name="onnx">Where its session runs.</param>
    /// <exception cref="ModelException">There is no such model, it is no entailment model, or it is one of the scorecard's.</exception>
    public static HeldOutJudge? Open(string? id, ModelStore store, CandidateScorer scorer, ScoringOptions scoring, OnnxOptions onnx)
    {
        id ??= store.Names().Contains(UsualName, StringComparer.Ordinal) ? UsualName : "";
        if (id.Length == 0)
        {
            return null;
        }

        var folder = store.Find(id);
        if (scorer.Scorers.FirstOrDefault(other => other.Digest == folder.Manifest.Digest) is { } trainedOn)
        {
            throw new ModelException(
                $"Trainer:Judge {folder.Id} is the scorecard's {trainedOn.Name} too: a policy's own reward cannot tell whether it was hacked. Name another model, or \"\" for none.");
        }

        var model = ScorerModel.Load(folder, onnx.WithThreads(scoring.Threads), scoring.MaxBatch);
        try
        {
            return new HeldOutJudge(folder, new EntailmentModel(UsualName, model, scoring.MaxBatch, scoring.QueueCapacity));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The probability that the source supports the answer.</summary>
    public async Task<double> ScoreAsync(string source, string answer, CancellationToken cancellationToken) =>
        Math.Exp(await _model.ScoreAsync(source, answer, cancellationToken));

    public void Dispose() => _model.Dispose();
}
