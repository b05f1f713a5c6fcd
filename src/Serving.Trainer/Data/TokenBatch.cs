using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Data;

/// <summary>
/// B answers as tensors. Answers of one prompt share a row, prompt first: [prompt, answer, answer, ...], so that a prompt is computed once for all its
/// answers; <see cref="Positions"/> and <see cref="Mask"/> make each answer see exactly its prompt and itself. Objectives look only at the R positions that
/// predict answer tokens: <see cref="Rows"/> picks them out of the hidden states, so prompts and padding never reach the output projection.
/// Owns its tensors; dispose it on the thread that made it.
/// </summary>
public sealed class TokenBatch : IDisposable
{
    internal TokenBatch(ReplayDraw[] draws, BatchEntry[] entries, IReadOnlyList<PackedRow> rows)
    {
        Entries = entries;
        Draws = draws;
        Tokens = rows.Sum(row => row.Tokens);
        var width = rows.Max(row => row.Tokens);
        var ids = new long[rows.Count * width];
        var positions = new long[ids.Length];
        var segments = new int[ids.Length];
        Array.Fill(segments, -1);
        var (predicting, targets, owners) = (new List<long>(), new List<long>(), new List<long>());
        for (var r = 0; r < rows.Count; r++)
        {
            var start = r * width;
            var at = start;
            Put(rows[r].Prompt, firstPosition: 0, segment: 0);
            var promptEnd = at - 1;
            for (var a = 0; a < rows[r].Entries.Count; a++)
            {
                var answer = entries[rows[r].Entries[a]].Candidate.Tokens;
                for (var t = 0; t < answer.Length; t++)
                {
                    predicting.Add(t == 0 ? promptEnd : at + t - 1);
                    targets.Add(answer[t]);
                    owners.Add(rows[r].Entries[a]);
                }

                Put(answer, rows[r].Prompt.Length, a + 1);
            }

            void Put(int[] tokens, int firstPosition, int segment)
            {
                for (var t = 0; t < tokens.Length; t++, at++)
                {
                    ids[at] = tokens[t];
                    positions[at] = firstPosition + t;
                    segments[at] = segment;
                }
            }
        }

        using var scope = NewDisposeScope();
        Ids = tensor(ids, [rows.Count, width], ScalarType.Int64).DetachFromDisposeScope();
        Positions = tensor(positions, [rows.Count, width], ScalarType.Int64).DetachFromDisposeScope();
        Mask = Visible(tensor(segments, [rows.Count, width], ScalarType.Int32)).DetachFromDisposeScope();
        Rows = tensor([.. predicting], ScalarType.Int64).DetachFromDisposeScope();
        Targets = tensor([.. targets], ScalarType.Int64).DetachFromDisposeScope();
        Owners = tensor([.. owners], ScalarType.Int64).DetachFromDisposeScope();
    }

    /// <summary>Token ids, padded to the right, int64 [N, T].</summary>
    public Tensor Ids { get; }

    /// <summary>Position of every token within its own prompt and answer, int64 [N, T].</summary>
    public Tensor Positions { get; }

    /// <summary>What a token may look at: the prompt and its own answer up to itself, bool [N, 1, T, T].</summary>
    public Tensor Mask { get; }

    /// <summary>Flat position n T + t whose hidden state predicts an answer token (the response mask, as indices), int64 [R].</summary>
    public Tensor Rows { get; }

    /// <summary>The answer token predicted at every row, int64 [R].</summary>
    public Tensor Targets { get; }

    /// <summary>The sequence that every row belongs to, int64 [R].</summary>
    public Tensor Owners { get; }

    /// <summary>What is known about every sequence, B of them.</summary>
    public IReadOnlyList<BatchEntry> Entries { get; }

    /// <summary>Groups in the batch; every sequence belongs to one.</summary>
    public int Groups => Draws.Count;

    /// <summary>How replay came to hand out every group.</summary>
    public IReadOnlyList<ReplayDraw> Draws { get; }

    /// <summary>Tokens computed, without padding.</summary>
    public int Tokens { get; }

    public void Dispose()
    {
        Ids.Dispose();
        Positions.Dispose();
        Mask.Dispose();
        Rows.Dispose();
        Targets.Dispose();
        Owners.Dispose();
    }

    /// <summary>0 = prompt, 1.. = answers, -1 = padding (which sees itself, so that its softmax is defined): [N, T] to [N, 1, T, T].</summary>
    private static Tensor Visible(Tensor segments)
    {
        var own = segments.unsqueeze(2);
        var other = segments.unsqueeze(1);
        return other.eq(own).logical_or(other.eq(zeros_like(other))).tril().unsqueeze(1);
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
    /// <summary>Its reward minus the mean reward of the others of its whole group; 0 where there are no quantiles.</summary>
    public double Advantage { get; init; }

    /// <summary>Answer tokens.</summary>
    public int Tokens => Candidate.Tokens.Length;
}

/// <summary>One prompt and the answers behind it in a row.</summary>
/// <param name="Prompt">Its tokens.</param>
/// <param name="Entries">Numbers of the sequences, in their order in the row.</param>
/// <param name="Tokens">Tokens of the prompt and of those answers.</param>
internal sealed record PackedRow(int[] Prompt, IReadOnlyList<int> Entries, int Tokens);
