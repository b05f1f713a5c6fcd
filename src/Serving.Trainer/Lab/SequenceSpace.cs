using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Lab;

/// <summary>
/// All V^L sequences of L tokens in lexicographic order (the first token counts most), and all prefixes that have a next token: depth by depth, in the same order within a depth.
/// Owns its index tensors.
/// </summary>
internal sealed class SequenceSpace : IDisposable
{
    public SequenceSpace(int vocab, int length)
    {
        (Vocab, Length) = (vocab, length);
        var breadth = 1;
        var offsets = new int[length];
        for (var depth = 0; depth < length; depth++)
        {
            offsets[depth] = Prefixes;
            Prefixes += breadth;
            breadth *= vocab;
        }

        Count = breadth;
        PrefixOf = new int[Count, length];
        TokenOf = new int[Count, length];
        var choices = new long[Count * length];
        for (var s = 0; s < Count; s++)
        {
            var under = Count;                                     // sequences below a prefix of this depth
            for (var depth = 0; depth < length; depth++)
            {
                PrefixOf[s, depth] = offsets[depth] + (s / under);
                under /= vocab;
                TokenOf[s, depth] = s / under % vocab;
                choices[(s * length) + depth] = ((long)PrefixOf[s, depth] * vocab) + TokenOf[s, depth];
            }
        }

        Choices = tensor(choices, ScalarType.Int64).DetachFromDisposeScope();
    }

    public int Vocab { get; }

    public int Length { get; }

    /// <summary>Sequences, S = V^L.</summary>
    public int Count { get; }

    /// <summary>Prefixes of 0 to L-1 tokens, P.</summary>
    public int Prefixes { get; }

    /// <summary>Prefix before the token at every place, [S, L].</summary>
    public int[,] PrefixOf { get; }

    /// <summary>Token at every place, [S, L].</summary>
    public int[,] TokenOf { get; }

    /// <summary>Flat index into [P, V] of every token of every sequence, int64 [S L].</summary>
    public Tensor Choices { get; }

    /// <summary>log p of every sequence from log p of every token after every prefix: [P, V] to [S].</summary>
    public Tensor SequenceLogProbs(Tensor tokenLogProbs)
    {
        using var scope = NewDisposeScope();
        return tokenLogProbs.reshape(-1).index_select(0, Choices).view(Count, Length).sum(1).MoveToOuterDisposeScope();
    }

    /// <summary>log p of every token after every prefix from log p of every sequence: [S] to [P, V].</summary>
    public Tensor TokenLogProbs(Tensor sequenceLogProbs)
    {
        using var scope = NewDisposeScope();
        var depths = new List<Tensor>();
        for (var (depth, prefixes) = (0, 1L); depth < Length; depth++, prefixes *= Vocab)
        {
            var masses = sequenceLogProbs.view(prefixes, Vocab, -1).logsumexp(2);                // [prefixes, V]
            depths.Add(special.log_softmax(masses, -1));
        }

        return cat(depths, 0).MoveToOuterDisposeScope();
    }

    /// <summary>Probability of every prefix from those of all sequences: [S] to [P].</summary>
    public Tensor PrefixMasses(Tensor probabilities)
    {
        using var scope = NewDisposeScope();
        var depths = new List<Tensor>();
        for (var (depth, prefixes) = (0, 1L); depth < Length; depth++, prefixes *= Vocab)
        {
            depths.Add(probabilities.view(prefixes, -1).sum(1));
        }

        return cat(depths, 0).MoveToOuterDisposeScope();
    }

    public void Dispose() => Choices.Dispose();
}
