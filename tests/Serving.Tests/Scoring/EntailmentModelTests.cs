using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class EntailmentModelTests : IDisposable
{
    private const string Short = "A package for reading compressed archives.";

    private readonly TemporaryFolder _folder = new();
    private readonly EncoderConfig _config = TinyScorer.Config(["contradiction", "entailment", "neutral"]);
    private readonly ScorerModel _model;
    private readonly EntailmentModel _entailment;

    public EntailmentModelTests()
    {
        var folder = TinyScorer.Publish(new ModelStore(_folder.Path, TimeProvider.System), "entailment", _config, seed: 3);
        _model = ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 1);
        _entailment = new EntailmentModel("entailment", ScorerModel.Load(folder, new OnnxOptions { Threads = 1 }, maxBatch: 8), maxBatch: 8, queueCapacity: 64);
    }

    public void Dispose()
    {
        _entailment.Dispose();
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task One_sentence_and_a_short_source_score_as_the_log_softmax_of_their_pair()
    {
        var logits = _model.Run([_model.Encoder.Encode(Short, "compressed archives")])[0];

        var score = await _entailment.ScoreAsync(Short, "compressed archives", TestContext.Current.CancellationToken);

        Assert.Equal(LogEntailment(logits), score, 1e-6);
    }

    [Fact]
    public async Task Sentences_are_averaged_and_reported_with_all_classes()
    {
        var report = await _entailment.JudgeAsync(Short, "Reads archives. Plays games!", TestContext.Current.CancellationToken);

        Assert.Equal(["Reads archives.", "Plays games!"], report.Sentences.Select(sentence => sentence.Sentence));
        Assert.Equal(report.Sentences.Average(sentence => sentence.LogEntailment), report.Score, 1e-6);
        Assert.Equal(report.Sentences.Min(sentence => sentence.Entailment), report.Min);
        foreach (var sentence in report.Sentences)
        {
            var logits = _model.Run([_model.Encoder.Encode(Short, sentence.Sentence)])[0];
            Assert.Equal(LogEntailment(logits), sentence.LogEntailment, 1e-6);
            Assert.Equal(1, sentence.Probabilities.Sum(), 1e-5);
            Assert.Equal(sentence.Entailment, sentence.Probabilities[1]);
            Assert.Equal(1, sentence.Units);
        }
    }

    [Fact]
    public async Task A_long_source_is_read_in_units_and_the_best_one_counts()
    {
        string[] sentences = [.. Enumerable.Range(1, 12).Select(i => $"Sentence {i} converts address books and alias files.")];
        var source = string.Join(' ', sentences);
        var answer = _model.Encoder.Tokens("address books");
        var units = SourceUnits.Split(source, _model.Encoder, _model.Encoder.Room - answer.Length);
        var expected = units.Max(unit => LogEntailment(_model.Run([_model.Encoder.Pack(unit, answer)])[0]));

        var report = await _entailment.JudgeAsync(source, "address books", TestContext.Current.CancellationToken);

        Assert.InRange(units.Count, 3, 12);
        Assert.Equal(units.Count, report.Sentences[0].Units);
        Assert.Equal(expected, report.Score, 1e-6);
    }

    [Fact]
    public void Units_are_whole_sentences_that_fit_and_leave_nothing_out()
    {
        string[] sentences = [.. Enumerable.Range(1, 9).Select(i => $"Sentence {i} converts files."), string.Concat(Enumerable.Repeat("unbroken", 60))];
        var source = string.Join("  ", sentences);
        const int Room = 60;

        var units = SourceUnits.Split(source, _model.Encoder, Room);

        var tokenizer = Serving.Tokenization.TextTokenizer.Load(_model.Folder.Path);
        Assert.All(units, unit => Assert.InRange(unit.Length, 1, Room));
        Assert.Equal(
            source.Replace(" ", "", StringComparison.Ordinal),
            string.Concat(units.Select(unit => tokenizer.Decode(unit))).Replace(" ", "", StringComparison.Ordinal));
        Assert.StartsWith("Sentence 1 ", tokenizer.Decode(units[0]), StringComparison.Ordinal);
        Assert.EndsWith(".", tokenizer.Decode(units[0]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_longer_than_the_model_is_cut_and_still_leaves_room_for_the_source()
    {
        var answer = string.Join(' ', Enumerable.Repeat("archives and books", 100));

        var report = await _entailment.JudgeAsync(Short + " " + Short, answer, TestContext.Current.CancellationToken);
        var blank = await _entailment.JudgeAsync("<sum>", answer, TestContext.Current.CancellationToken);
        var empty = await _entailment.JudgeAsync(Short, "", TestContext.Current.CancellationToken);

        Assert.True(report.Sentences.Single().Cut);
        Assert.True(float.IsFinite(report.Score));
        Assert.Equal(1, blank.Sentences.Single().Units);
        Assert.False(empty.Sentences.Single().Cut);
    }

    private static double LogEntailment(float[] logits) =>
        Math.Max(logits[1] - Math.Log(logits.Sum(logit => Math.Exp(logit))), Math.Log(1e-4));
}
