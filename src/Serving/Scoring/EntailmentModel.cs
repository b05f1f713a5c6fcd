using Serving.Models;

namespace Serving.Scoring;

/// <summary>
/// Whether the source entails the answer (arXiv:2306.00186): mean over the answer's sentences of the largest log-probability of entailment over
/// the source's units. A source that fits beside the sentence is one unit; a longer one is read in chunks of whole sentences.
/// Owns its model and batcher; thread-safe.
/// </summary>
public sealed class EntailmentModel : ITextScorer, IDisposable
{
    private const string Label = "entailment";

    /// <summary>Probabilities count as no less, so that one hopeless sentence does not drown the rest of the mean.</summary>
    private const double Floor = 1e-4;

    private readonly ScorerModel _model;
    private readonly ScoreBatcher _batcher;
    private readonly int _label;

    /// <exception cref="ModelConfigException">The model has no label "entailment", or no other.</exception>
    public EntailmentModel(string name, ScorerModel model, int maxBatch, int queueCapacity)
    {
        _label = model.Config.Labels.ToList().FindIndex(label => label.Equals(Label, StringComparison.OrdinalIgnoreCase));
        if (_label < 0 || model.Config.Labels.Count < 2)
        {
            throw new ModelConfigException(
                $"{model.Folder.File(ModelFiles.Config)}: id2label names {string.Join(", ", model.Config.Labels)}; "
                + $"an entailment model has \"{Label}\" and at least one other class.");
        }

        Name = name;
        _model = model;
        _batcher = new ScoreBatcher(name, model.Config.MaxPositions, maxBatch, queueCapacity, model.Run);
    }

    public string Name { get; }

    public string Digest => _model.Digest;

    public async Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken) =>
        (await JudgeAsync(source, answer, cancellationToken)).Score;

    /// <summary>The verdict sentence by sentence.</summary>
    /// <exception cref="ScorerException">A run failed.</exception>
    public async Task<EntailmentReport> JudgeAsync(string source, string answer, CancellationToken cancellationToken)
    {
        var sentences = Sentences.Split(answer).Select(range => answer[range]).DefaultIfEmpty("");
        var verdicts = await Task.WhenAll(sentences.Select(sentence => JudgeSentenceAsync(source, sentence, cancellationToken)));
        return new EntailmentReport((float)verdicts.Average(verdict => (double)verdict.LogEntailment), _model.Config.Labels, verdicts);
    }

    /// <summary>Tokens of a pair, markers not counted.</summary>
    public int TokensOf(string source, string answer) => _model.Encoder.SourceTokens(source).Length + _model.Encoder.Tokens(answer).Length;

    public void Dispose()
    {
        _batcher.Dispose();
        _model.Dispose();
    }

    private async Task<SentenceVerdict> JudgeSentenceAsync(string source, string sentence, CancellationToken cancellationToken)
    {
        var tokens = _model.Encoder.Tokens(sentence);
        var whole = _model.Encoder.SourceTokens(source);
        List<int[]> units = [whole];
        var cut = false;
        if (whole.Length > _model.Encoder.SourceRoom(tokens.Length))
        {
            // A quarter of the room is kept for the source, however long the sentence is.
            var longest = _model.Encoder.AnswerRoom(_model.Encoder.Room / 4);
            cut = tokens.Length > longest;
            tokens = cut ? tokens[..longest] : tokens;
            units = SourceUnits.Split(source, _model.Encoder, _model.Encoder.SourceRoom(tokens.Length));
        }

        var runs = await Task.WhenAll(units.Select(unit => _batcher.RunAsync(_model.Encoder.Pack(unit, tokens), cancellationToken)));
        var best = 0;
        var logs = runs.Select(LogSoftmax).ToArray();
        for (var i = 1; i < logs.Length; i++)
        {
            best = logs[i][_label] > logs[best][_label] ? i : best;
        }

        var log = logs[best][_label];
        return new SentenceVerdict(
            sentence, (float)Math.Exp(log), (float)Math.Max(log, Math.Log(Floor)),
            [.. logs[best].Select(value => (float)Math.Exp(value))], best, units.Count, cut);
    }

    private static double[] LogSoftmax(float[] logits)
    {
        var largest = (double)logits.Max();
        var sum = largest + Math.Log(logits.Sum(logit => Math.Exp(logit - largest)));
        return [.. logits.Select(logit => logit - sum)];
    }
}
