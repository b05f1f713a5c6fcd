using Serving.Scoring;
using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class ScorerBatchesTests : IDisposable
{
    private readonly TinyTask _task = new();

    [Fact]
    public void Batches_built_ahead_are_those_of_their_steps()
    {
        var fromStart = Batches().Ahead(0, 12).ToArray();
        var resumed = Batches().Ahead(5, 12).ToArray();

        Assert.Equal(12, fromStart.Length);
        Assert.Equal(fromStart.Skip(5).Select(Text), resumed.Select(Text));
        Assert.Equal(12, fromStart.Select(Text).Distinct().Count());
    }

    [Fact]
    public void Whoever_stops_early_leaves_no_thread_building()
    {
        var batches = Batches();

        Assert.Equal(Text(Batches().Ahead(0, 1).Single()), Text(batches.Ahead(0, int.MaxValue).First()));
        Assert.Equal(Text(Batches().Ahead(3, 4).Single()), Text(batches.Ahead(3, 4).Single()));       // nobody else draws from the groups now
    }

    public void Dispose() => _task.Dispose();

    private ScorerBatches Batches()
    {
        var groups = new SynopsisGroups(_task.Examples, ScorerTask.Entailment, new Dictionary<string, string[]>());
        return new ScorerBatches(groups, Encoder(), groupSize: 4, longestSource: 64, tokensPerBatch: 256, seed: 3);
    }

    private PairEncoder Encoder()
    {
        var tokenizer = _task.Tokenizer;
        return new PairEncoder(tokenizer, new Models.EncoderConfig
        {
            VocabularySize = tokenizer.VocabularySize,
            HiddenSize = 8,
            Layers = 1,
            Heads = 1,
            IntermediateSize = 8,
            MaxPositions = 128,
            TypeVocabularySize = 4,
            MarksOverlap = true,
            Labels = ["entailment", "other"],
        });
    }

    private static string Text(IReadOnlyList<ScorerGroup> batch) =>
        string.Join('|', batch.Select(group => string.Join(' ', group.Source) + ':' + string.Join('/', group.Answers.Select(answer => string.Join(' ', answer)))));
}
