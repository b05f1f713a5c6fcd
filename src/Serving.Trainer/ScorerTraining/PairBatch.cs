using Serving.Scoring;
using static TorchSharp.torch;

namespace Serving.Trainer.ScorerTraining;

/// <summary>Packed pairs padded to one length, row-major [rows, length].</summary>
internal sealed record PairBatch(int Rows, int Length, long[] Ids, long[] Types, bool[] Mask)
{
    public static PairBatch Of(IReadOnlyList<EncodedPair> pairs, int pad)
    {
        var length = pairs.Max(pair => pair.Length);
        var batch = new PairBatch(pairs.Count, length, new long[pairs.Count * length], new long[pairs.Count * length], new bool[pairs.Count * length]);
        Array.Fill(batch.Ids, pad);
        for (var row = 0; row < pairs.Count; row++)
        {
            for (var t = 0; t < pairs[row].Length; t++)
            {
                var at = (row * length) + t;
                (batch.Ids[at], batch.Types[at], batch.Mask[at]) = (pairs[row].Ids[t], pairs[row].Types[t], true);
            }
        }

        return batch;
    }

    public Tensor IdTensor() => tensor(Ids, [Rows, Length]);

    public Tensor TypeTensor() => tensor(Types, [Rows, Length]);

    public Tensor MaskTensor() => tensor(Mask, [Rows, Length]);
}
