using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Data;

/// <summary>
/// B answers behind their prompts, padded to the right, as tensors. Objectives look only at the R positions that predict answer tokens:
/// <see cref="Rows"/> picks them out of the B x T hidden states, so prompts and padding never reach the output projection.
/// Owns its tensors; dispose it on the thread that made it.
/// </summary>
public sealed class TokenBatch : IDisposable
{
    internal TokenBatch(int groups, long[] ids, int width, BatchEntry[] entries)
    {
        Entries = entries;
        Groups = groups;
        PromptLengths = [.. entries.Select(entry => entry.PromptLength)];
        var rows = new List<long>();
        var targets = new List<long>();
        var owners = new List<long>();
        for (var b = 0; b < entries.Length; b++)
        {
            for (var t = 0; t < entries[b].Tokens; t++)
            {
                var predicted = (b * (long)width) + entries[b].PromptLength + t;
                rows.Add(predicted - 1);
                targets.Add(ids[predicted]);
                owners.Add(b);
            }
        }

        using var outer = NewDisposeScope();
        Ids = tensor(ids, [entries.Length, width], ScalarType.Int64).DetachFromDisposeScope();
        Rows = tensor([.. rows], ScalarType.Int64).DetachFromDisposeScope();
        Targets = tensor([.. targets], ScalarType.Int64).DetachFromDisposeScope();
        Owners = tensor([.. owners], ScalarType.Int64).DetachFromDisposeScope();
    }

    /// <summary>Token ids, int64 [B, T].</summary>
    public Tensor Ids { get; }

    /// <summary>Flat position b T + t whose hidden state predicts an answer token (the response mask, as indices), int64 [R].</summary>
    public Tensor Rows { get; }

    /// <summary>The answer token predicted at every row, int64 [R].</summary>
    public Tensor Targets { get; }

    /// <summary>The sequence that every row belongs to, int64 [R].</summary>
    public Tensor Owners { get; }

    /// <summary>What is known about every sequence, B of them.</summary>
    public IReadOnlyList<BatchEntry> Entries { get; }

    /// <summary>Prompt tokens of every sequence.</summary>
    public IReadOnlyList<int> PromptLengths { get; }

    /// <summary>Groups in the batch; every sequence belongs to one.</summary>
    public int Groups { get; }

    /// <summary>Tokens without padding.</summary>
    public int Tokens => Entries.Sum(entry => entry.PromptLength + entry.Tokens);

    public void Dispose()
    {
        Ids.Dispose();
        Rows.Dispose();
        Targets.Dispose();
        Owners.Dispose();
    }
}

/// <summary>One sequence of a batch. Immutable.</summary>
/// <param name="Group">Its group's number within the batch.</param>
/// <param name="Candidate">The answer.</param>
/// <param name="PromptLength">Tokens before the answer.</param>
/// <param name="Better">m: candidates of its whole group that rank strictly above it.</param>
/// <param name="Others">K: the other candidates of its whole group; 0 where there are no quantiles.</param>
/// <param name="BestWeight">Its share in the mean over Best-of-n of the group; 0 where there are no quantiles.</param>
/// <param name="Uniform">It stands in the batch whatever its rank, so its quantile is an unbiased target.</param>
public sealed record BatchEntry(
    int Group, GroupCandidate Candidate, int PromptLength, int Better, int Others, double BestWeight, bool Uniform)
{
    /// <summary>Answer tokens.</summary>
    public int Tokens => Candidate.Tokens.Length;
}
