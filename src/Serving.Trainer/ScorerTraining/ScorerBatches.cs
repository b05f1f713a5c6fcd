using Serving.Scoring;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Rows of groups: row g * GroupSize is a description with its own synopsis, the next GroupSize - 1 rows are worse ones.</summary>
internal sealed record ScorerBatch(int Rows, int Length, long[] Ids, long[] Types, bool[] Mask)
{
    public const int GroupSize = 4;
}

/// <summary>Batches as a pure function of (seed, step); groups of one batch have descriptions of similar length.</summary>
internal sealed class ScorerBatches
{
    private const int BucketRows = 512;

    private readonly SynopsisGroups _groups;
    private readonly PairEncoder _encoder;
    private readonly int[][] _sources;
    private readonly int _tokensPerBatch;
    private readonly int _seed;
    private readonly int[][] _buckets;
    private readonly long[] _tokensUpTo;

    public ScorerBatches(SynopsisGroups groups, PairEncoder encoder, int tokensPerBatch, int seed)
    {
        (_groups, _encoder, _tokensPerBatch, _seed) = (groups, encoder, tokensPerBatch, seed);
        _sources = [.. groups.Examples.Select(example => encoder.Tokens(example.Document))];
        _buckets = [.. Enumerable.Range(0, _sources.Length).OrderBy(i => _sources[i].Length).ThenBy(i => i).Chunk(BucketRows)];
        _tokensUpTo = new long[_buckets.Length];
        var sum = 0L;
        for (var b = 0; b < _buckets.Length; b++)
        {
            _tokensUpTo[b] = sum += _buckets[b].Sum(Tokens);
        }
    }

    public ScorerBatch Batch(int step)
    {
        var random = new Random(unchecked((_seed * 1_000_003) ^ (step * 7_919)));
        var token = random.NextInt64(_tokensUpTo[^1]);
        var bucket = _buckets[Array.FindIndex(_tokensUpTo, upTo => token < upTo)];
        var count = Math.Max(2, (int)(_tokensPerBatch / (bucket.Max(Tokens) * ScorerBatch.GroupSize)));
        var pairs = new List<EncodedPair>();
        foreach (var index in random.GetItems(bucket, count))
        {
            pairs.Add(Pair(index, _groups.Make(index, SynopsisKind.Own, random)!));
            while (pairs.Count % ScorerBatch.GroupSize != 0)
            {
                if (_groups.Make(index, _groups.DrawKind(random), random) is { } other)
                {
                    pairs.Add(Pair(index, other));
                }
            }
        }

        return Pad(pairs);
    }

    public EncodedPair Pair(int index, string synopsis) => _encoder.Pack(_sources[index], _encoder.Tokens(synopsis));

    public static ScorerBatch Pad(IReadOnlyList<EncodedPair> pairs)
    {
        var length = pairs.Max(pair => pair.Ids.Length);
        var (ids, types, mask) = (new long[pairs.Count * length], new long[pairs.Count * length], new bool[pairs.Count * length]);
        for (var row = 0; row < pairs.Count; row++)
        {
            for (var t = 0; t < pairs[row].Ids.Length; t++)
            {
                ids[(row * length) + t] = pairs[row].Ids[t];
                types[(row * length) + t] = pairs[row].Types[t];
                mask[(row * length) + t] = true;
            }
        }

        return new ScorerBatch(pairs.Count, length, ids, types, mask);
    }

    private long Tokens(int index) => Math.Min(_sources[index].Length, _encoder.Room - 12) + 12 + _encoder.Markers;
}
