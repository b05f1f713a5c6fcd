using static TorchSharp.torch;

namespace Serving.Trainer.Likelihood;

/// <summary>
/// S answers as tensors, R tokens in all (the end of each counts as one): rows that hold them with their source and without, what a token looks at, and
/// where the states lie that the head reads. Owns its tensors; dispose it on the thread that made it.
/// </summary>
public sealed class LikelihoodBatch : IDisposable
{
    private readonly Tensor _slots;          // [S A]: number of the answer's a-th token, R = none
    private readonly Tensor _empty;          // bool [S, A, 1]: none
    private readonly Tensor _counts;         // [S, 1]

    private LikelihoodBatch(
        Tensor ids, Tensor positions, Tensor mask, Tensor read, Tensor predicting, Tensor predictingAlone, Tensor targets, Tensor overlap, Tensor counts)
    {
        (Ids, Positions, Mask) = (ids, positions, mask);
        (Read, Predicting, PredictingAlone, Targets, Overlap) = (read, predicting, predictingAlone, targets, overlap);
        var places = arange(counts.max().item<long>(), ScalarType.Int64).unsqueeze(0);                                           // [1, A]
        var empty = places.ge(counts.unsqueeze(1));
        _slots = (counts.cumsum(0) - counts).unsqueeze(1).add(places).masked_fill(empty, read.shape[0]).reshape(-1);
        _empty = empty.unsqueeze(2);
        _counts = counts.unsqueeze(1);
        foreach (var tensor in Owned)
        {
            tensor.DetachFromDisposeScope();
        }
    }

    /// <summary>Token ids, padded to the right, int64 [N, T].</summary>
    public Tensor Ids { get; }

    /// <summary>Position of every token within its own sequence, int64 [N, T].</summary>
    public Tensor Positions { get; }

    /// <summary>What a token may look at, bool [N, 1, T, T].</summary>
    public Tensor Mask { get; }

    /// <summary>Flat position n T + t of every answer token behind its source, answer by answer, int64 [R].</summary>
    public Tensor Read { get; }

    /// <summary>Flat position whose state predicts it there, int64 [R].</summary>
    public Tensor Predicting { get; }

    /// <summary>Flat position whose state predicts it without the source, int64 [R].</summary>
    public Tensor PredictingAlone { get; }

    /// <summary>The token itself, int64 [R].</summary>
    public Tensor Targets { get; }

    /// <summary>1 where it stands in the source too, fp32 [R].</summary>
    public Tensor Overlap { get; }

    /// <summary>Answers, S.</summary>
    public int Count => (int)_counts.shape[0];

    private IEnumerable<Tensor> Owned => [Ids, Positions, Mask, Read, Predicting, PredictingAlone, Targets, Overlap, _slots, _empty, _counts];

    public void Dispose()
    {
        foreach (var tensor in Owned)
        {
            tensor.Dispose();
        }
    }

    /// <summary>One answer per row, packed as for the served model: [B, T] int64, int64, bool.</summary>
    /// <exception cref="ArgumentException">A row holds an answer with another length without its source than with it, or none.</exception>
    internal static LikelihoodBatch OfRows(Tensor ids, Tensor types, Tensor mask)
    {
        using var scope = NewDisposeScope();
        var alone = types.ge(3);
        var parts = alone.to(ScalarType.Int64).masked_fill(mask.logical_not(), -1);                                              // 0, 1; -1 = padding
        var firstLengths = parts.eq(0).sum(1, keepdim: true);
        var positions = (arange(ids.shape[1], ScalarType.Int64).unsqueeze(0) - (firstLengths * parts.eq(1))).masked_fill(mask.logical_not(), 0);
        var visible = parts.unsqueeze(2).eq(parts.unsqueeze(1)).tril().unsqueeze(1);
        var answer = types.eq(1).logical_or(types.eq(2)).logical_and(mask);
        var answerAlone = types.eq(4).logical_and(mask);
        var counts = answer.sum(1);
        if (counts.ne(answerAlone.sum(1)).any().item<bool>() || counts.min().item<long>() == 0)
        {
            throw new ArgumentException("token_type_ids mark other answers in the second part than in the first: pack rows with PairEncoder.", nameof(types));
        }

        var read = answer.reshape(-1).nonzero().squeeze(1);
        return new LikelihoodBatch(
            ids.alias(), positions, visible, read, read - 1, answerAlone.reshape(-1).nonzero().squeeze(1) - 1,
            ids.reshape(-1).index_select(0, read), types.reshape(-1).index_select(0, read).eq(2).to(ScalarType.Float32), counts);
    }

    /// <summary>Answers that share rows.</summary>
    internal static LikelihoodBatch Of(LikelihoodRows rows)
    {
        using var scope = NewDisposeScope();
        long[] shape = [rows.Count, rows.Width];
        var segments = tensor(rows.Segments, shape);
        var other = segments.unsqueeze(1);
        var visible = other.eq(segments.unsqueeze(2)).logical_or(other.eq(tensor(rows.Parents, shape).unsqueeze(2))).tril().unsqueeze(1);
        return new LikelihoodBatch(
            tensor(rows.Ids, shape), tensor(rows.Positions, shape), visible, tensor(rows.Read), tensor(rows.Predicting), tensor(rows.PredictingAlone),
            tensor(rows.Targets), tensor(rows.Overlap), tensor(rows.Counts));
    }

    /// <summary>Values of tokens, [R, w], by answer: [S, A, w], zero behind an answer's end.</summary>
    internal Tensor PerAnswer(Tensor values) =>
        cat([values, zeros([1, values.shape[1]], values.dtype)], 0).index_select(0, _slots).view(Count, -1, values.shape[1]);

    /// <summary>Mean over an answer's tokens: [S, A, w] to [S, w].</summary>
    internal Tensor Mean(Tensor perAnswer) => perAnswer.sum(1) / _counts;

    /// <summary>Largest of an answer's tokens: [S, A, w] to [S, w].</summary>
    internal Tensor Most(Tensor perAnswer) => perAnswer.masked_fill(_empty, float.NegativeInfinity).amax([1]);
}
