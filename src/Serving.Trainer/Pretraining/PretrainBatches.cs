namespace Serving.Trainer.Pretraining;

/// <summary>One batch: rows of equal length, padded at the end, and a loss weight for every token as a target.</summary>
/// <param name="Ids">[rows, length], row-major.</param>
/// <param name="TargetWeights">[rows, length - 1]: weight of predicting ids[t + 1] from ids[..t].</param>
public sealed record PretrainBatch(int Rows, int Length, long[] Ids, float[] TargetWeights)
{
    /// <summary>Its rows in at most <paramref name="parts"/> batches of about as many each.</summary>
    public IEnumerable<PretrainBatch> Parts(int parts)
    {
        for (var part = 0; part < parts; part++)
        {
            var (from, to) = (Rows * part / parts, Rows * (part + 1) / parts);
            if (to > from)
            {
                yield return parts == 1 ? this : new PretrainBatch(
                    to - from, Length, Ids[(from * Length)..(to * Length)], TargetWeights[(from * (Length - 1))..(to * (Length - 1))]);
            }
        }
    }
}

/// <summary>
/// Batches of about <c>tokensPerBatch</c> tokens, as a pure function of (seed, step), so that a run can be resumed at any step. A batch takes
/// rows of one length bucket, so little is padded; buckets are drawn by their tokens, so every row is equally likely. A share of the rows are
/// copy exercises: a short span repeated to the end of the row, with loss after the first period only, from which copying forms early.
/// </summary>
public sealed class PretrainBatches
{
    private const float DocumentWeight = 0.3f;
    private const int BucketRows = 512;
    private const int ShortestSpan = 4;
    private const int LongestSpan = 40;
    private const double RandomSpans = 0.6;                                     // the others are running text

    private readonly IReadOnlyList<(int[] Document, int[] Response)> _rows;
    private readonly TaskTokens _task;
    private readonly int _vocabularySize;
    private readonly int _tokensPerBatch;
    private readonly int _seed;
    private readonly int[][] _buckets;
    private readonly long[] _tokensUpTo;

    /// <param name="rows">Token ids of documents and responses, already cut; a response ends with its end token, or is empty: a document alone.</param>
    public PretrainBatches(IReadOnlyList<(int[] Document, int[] Response)> rows, TaskTokens task, int vocabularySize, int tokensPerBatch, int seed)
    {
        (_rows, _task, _vocabularySize, _tokensPerBatch, _seed) = (rows, task, vocabularySize, tokensPerBatch, seed);
        _buckets = [.. Enumerable.Range(0, rows.Count).OrderBy(Length).ThenBy(index => index).Chunk(BucketRows)];
        _tokensUpTo = new long[_buckets.Length];
        var sum = 0L;
        for (var b = 0; b < _buckets.Length; b++)
        {
            _tokensUpTo[b] = sum += _buckets[b].Sum(index => (long)Length(index));
        }
    }

    /// <summary>Tokens of one pass over the rows.</summary>
    public long TokensPerEpoch => _tokensUpTo[^1];

    /// <param name="step">From 0.</param>
    /// <param name="copyShare">Share of rows that are copy exercises.</param>
    public PretrainBatch Batch(int step, double copyShare)
    {
        var random = new Random(unchecked((_seed * 1_000_003) ^ (step * 7_919)));
        var token = random.NextInt64(TokensPerEpoch);
        var bucket = _buckets[Array.FindIndex(_tokensUpTo, upTo => token < upTo)];
        var rows = random.GetItems(bucket, Math.Max(1, _tokensPerBatch / bucket.Max(Length)));
        var length = rows.Max(Length);
        var ids = new long[rows.Length * length];
        var weights = new float[rows.Length * (length - 1)];
        for (var i = 0; i < rows.Length; i++)
        {
            var rowIds = ids.AsSpan(i * length, length);
            var rowWeights = weights.AsSpan(i * (length - 1), length - 1);
            if (random.NextDouble() < copyShare)
            {
                CopyExercise(random, rowIds, rowWeights);
            }
            else
            {
                Row(rows[i], rowIds, rowWeights);
            }
        }

        return new PretrainBatch(rows.Length, length, ids, weights);
    }

    private int Length(int row) => _rows[row].Document.Length + _rows[row].Response.Length + 2;

    private void Row(int row, Span<long> ids, Span<float> weights)
    {
        var (document, response) = _rows[row];
        ids.Fill(_task.Pad);
        ids[0] = _task.Start;
        for (var t = 0; t < document.Length; t++)
        {
            ids[1 + t] = document[t];
        }

        ids[1 + document.Length] = _task.Answer;
        for (var t = 0; t < response.Length; t++)
        {
            ids[2 + document.Length + t] = response[t];
        }

        weights[..document.Length].Fill(DocumentWeight);
        weights.Slice(1 + document.Length, response.Length).Fill(1f);           // <sum> itself is never a target
    }

    private void CopyExercise(Random random, Span<long> ids, Span<float> weights)
    {
        var period = random.Next(ShortestSpan, Math.Max(ShortestSpan + 1, Math.Min(LongestSpan, ids.Length / 2) + 1));
        var text = _rows[random.Next(_rows.Count)].Document;
        var uniform = text.Length < period || random.NextDouble() < RandomSpans;
        var start = uniform ? 0 : random.Next(text.Length - period + 1);
        for (var t = 0; t < ids.Length; t++)
        {
            ids[t] = t >= period ? ids[t - period] : uniform ? random.Next(TaskTokens.Specials.Count, _vocabularySize) : text[start + t];
        }

        weights[(period - 1)..].Fill(1f);
    }
}
