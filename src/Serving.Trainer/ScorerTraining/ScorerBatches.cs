using System.Collections.Concurrent;
using Serving.Scoring;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Batches of groups as a pure function of (seed, step); the descriptions of one batch are of similar length.</summary>
internal sealed class ScorerBatches
{
    private const int BucketRows = 512;
    private const int BatchesAhead = 8;
    private const int UsualAnswer = 12;                                         // tokens; only the size of a batch depends on it

    private readonly SynopsisGroups _groups;
    private readonly PairEncoder _encoder;
    private readonly int[][] _sources;
    private readonly int _groupSize;
    private readonly int _tokensPerBatch;
    private readonly int _seed;
    private readonly int[][] _buckets;
    private readonly long[] _tokensUpTo;

    /// <param name="groupSize">K: synopses of a description in a batch.</param>
    /// <param name="longestSource">Tokens of a description that are shown at most.</param>
    public ScorerBatches(SynopsisGroups groups, PairEncoder encoder, int groupSize, int longestSource, int tokensPerBatch, int seed)
    {
        (_groups, _encoder, _groupSize, _tokensPerBatch, _seed) = (groups, encoder, groupSize, tokensPerBatch, seed);
        _sources = [.. groups.Examples.Select(example => Cut(encoder.Tokens(example.Document), longestSource))];
        _buckets = [.. Enumerable.Range(0, _sources.Length).OrderBy(i => _sources[i].Length).ThenBy(i => i).Chunk(BucketRows)];
        _tokensUpTo = new long[_buckets.Length];
        var sum = 0L;
        for (var b = 0; b < _buckets.Length; b++)
        {
            _tokensUpTo[b] = sum += _buckets[b].Sum(Tokens);
        }
    }

    /// <summary>The batches of the steps from <paramref name="first"/> to before <paramref name="end"/>, built on another thread while the ones before are used.</summary>
    public IEnumerable<IReadOnlyList<ScorerGroup>> Ahead(int first, int end)
    {
        using var ready = new BlockingCollection<IReadOnlyList<ScorerGroup>>(BatchesAhead);
        using var stop = new CancellationTokenSource();
        var building = Task.Run(() =>
        {
            try
            {
                for (var step = first; step < end; step++)
                {
                    ready.Add(Batch(step), stop.Token);
                }
            }
            finally
            {
                ready.CompleteAdding();
            }
        });
        try
        {
            foreach (var batch in ready.GetConsumingEnumerable())
            {
                yield return batch;
            }

            building.GetAwaiter().GetResult();                                    // what it threw
        }
        finally
        {
            stop.Cancel();
            building.ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        }
    }

    private IReadOnlyList<ScorerGroup> Batch(int step)
    {
        var random = new Random(unchecked((_seed * 1_000_003) ^ (step * 7_919)));
        var token = random.NextInt64(_tokensUpTo[^1]);
        var bucket = _buckets[Array.FindIndex(_tokensUpTo, upTo => token < upTo)];
        var count = Math.Max(2, (int)(_tokensPerBatch / bucket.Max(Tokens)));
        return [.. random.GetItems(bucket, count).Select(index => Tokenized(_groups.Draw(index, _groupSize, random)))];
    }

    public ScorerGroup Tokenized(SynopsisGroup group) =>
        new(_sources[group.Index], [.. group.Synopses.Select(_encoder.Tokens)], group.Kinds, group.Preferences);

    /// <summary>Tokens of a description and its synopses where the description stands once.</summary>
    private long Tokens(int index) => _sources[index].Length + (_groupSize * (UsualAnswer + _encoder.Markers));

    private static int[] Cut(int[] ids, int most) => ids.Length <= most ? ids : ids[..most];
}
