using Serving.Models;

namespace Serving.Scoring;

/// <summary>A learned reward: the logit of the model's single label. Owns its model and batcher; thread-safe.</summary>
public sealed class RewardModel : ITextScorer, IDisposable
{
    private readonly ScorerModel _model;
    private readonly ScoreBatcher _batcher;

    /// <exception cref="ModelConfigException">The model has more than one label.</exception>
    public RewardModel(string name, ScorerModel model, int maxBatch, int queueCapacity)
    {
        if (model.Config.Labels.Count != 1)
        {
            throw new ModelConfigException(
                $"{model.Folder.File(ModelFiles.Config)}: id2label names {model.Config.Labels.Count} classes; "
                + "a reward model has one, whose logit is the reward.");
        }

        Name = name;
        _model = model;
        _batcher = new ScoreBatcher(name, model.Config.MaxPositions, maxBatch, queueCapacity, model.Run);
    }

    public string Name { get; }

    public string Digest => _model.Digest;

    public async Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken)
    {
        var logits = await _batcher.RunAsync(_model.Encoder.Encode(source, answer), cancellationToken);
        return logits[0];
    }

    /// <summary>Tokens of a pair, markers not counted.</summary>
    public int TokensOf(string source, string answer) => _model.Encoder.SourceTokens(source).Length + _model.Encoder.Tokens(answer).Length;

    public void Dispose()
    {
        _batcher.Dispose();
        _model.Dispose();
    }
}
