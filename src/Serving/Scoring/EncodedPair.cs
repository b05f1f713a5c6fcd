namespace Serving.Scoring;

/// <summary>A source and an answer packed into one row of a scorer model (<see cref="Models.PairPacking"/>). Immutable.</summary>
/// <param name="Ids">Token ids, markers included.</param>
/// <param name="Types">token_type_ids, one per token.</param>
/// <param name="SourceCut">The end of the source did not fit.</param>
/// <param name="AnswerCut">The answer alone was too long: its end is missing, and so is the whole source.</param>
public sealed record EncodedPair(int[] Ids, byte[] Types, bool SourceCut, bool AnswerCut)
{
    private const int BucketWidth = 8;

    public int Length => Ids.Length;

    /// <summary>
    /// The length that the row is padded to. It depends on the pair alone, because the padded length decides the order of sums in attention and
    /// so the last bits of a score. Buckets are narrow: padding is work thrown away, while a run of few rows is hardly slower per row than a full one.
    /// </summary>
    internal int PaddedLength(int maxPositions) => Math.Min(maxPositions, (Ids.Length + BucketWidth - 1) / BucketWidth * BucketWidth);
}
