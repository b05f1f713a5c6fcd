using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Tests.Pretraining;

public sealed class PretrainBatchesTests : IDisposable
{
    private readonly TinyTask _task = new();

    [Fact]
    public void A_batch_is_a_function_of_seed_and_step()
    {
        var (first, second) = (Batches(seed: 3).Batch(7, 0.5), Batches(seed: 3).Batch(7, 0.5));

        Assert.Equal(first.Ids, second.Ids);
        Assert.Equal(first.TargetWeights, second.TargetWeights);
        Assert.NotEqual(first.Ids, Batches(seed: 4).Batch(7, 0.5).Ids);
        Assert.NotEqual(first.Ids, Batches(seed: 3).Batch(8, 0.5).Ids);
    }

    [Fact]
    public void The_summary_counts_fully_the_document_less_and_padding_nothing()
    {
        var batch = Batches(seed: 1).Batch(0, copyShare: 0);
        var task = new TaskTokens(_task.Tokenizer);
        for (var row = 0; row < batch.Rows; row++)
        {
            var ids = batch.Ids.AsSpan(row * batch.Length, batch.Length).ToArray();
            var answer = Array.IndexOf(ids, task.Answer);
            for (var t = 1; t < batch.Length; t++)
            {
                var weight = batch.TargetWeights[(row * (batch.Length - 1)) + t - 1];
                var expected = ids[t] == task.Pad || t == answer ? 0 : t < answer ? 0.3f : 1f;
                Assert.Equal(expected, weight);
            }
        }
    }

    [Fact]
    public void Copy_exercises_repeat_their_span_and_count_from_the_second_period_on()
    {
        var batch = Batches(seed: 1).Batch(2, copyShare: 1);
        for (var row = 0; row < batch.Rows; row++)
        {
            var ids = batch.Ids.AsSpan(row * batch.Length, batch.Length).ToArray();
            var weights = batch.TargetWeights.AsSpan(row * (batch.Length - 1), batch.Length - 1).ToArray();
            var period = Array.FindIndex(weights, weight => weight > 0) + 1;

            Assert.InRange(period, 4, 40);
            Assert.All(weights[(period - 1)..], weight => Assert.Equal(1f, weight));
            Assert.All(Enumerable.Range(period, batch.Length - period), t => Assert.Equal(ids[t - period], ids[t]));
        }
    }

    [Fact]
    public void Every_row_is_drawn_about_equally_often()
    {
        var batches = Batches(seed: 1);
        var task = new TaskTokens(_task.Tokenizer);
        var counts = new Dictionary<string, int>();
        for (var step = 0; step < 400; step++)
        {
            var batch = batches.Batch(step, 0);
            for (var row = 0; row < batch.Rows; row++)
            {
                var key = string.Join(' ', batch.Ids.AsSpan(row * batch.Length, batch.Length).ToArray().Where(id => id != task.Pad));
                counts[key] = counts.GetValueOrDefault(key) + 1;
            }
        }

        Assert.Equal(_task.Examples.Count, counts.Count);
        Assert.InRange(counts.Values.Min() / counts.Values.Average(), 0.7, 1);
    }

    public void Dispose() => _task.Dispose();

    private PretrainBatches Batches(int seed)
    {
        var tokenizer = _task.Tokenizer;
        var task = new TaskTokens(tokenizer);
        return new PretrainBatches(
            [.. _task.Examples.Select(example => (task.Document(example.Document), task.Response(example.Summary)))], task, tokenizer.VocabularySize, 512, seed);
    }
}
