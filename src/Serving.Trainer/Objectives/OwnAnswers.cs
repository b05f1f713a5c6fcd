using Serving.Trainer.Data;

namespace Serving.Trainer.Objectives;

/// <summary>The answers in a batch that the policy under training gave, as policy gradients see them. Immutable.</summary>
internal sealed class OwnAnswers
{
    public OwnAnswers(TokenBatch batch)
    {
        var numbers = new Dictionary<int, long>();
        var (rows, prompts, candidates) = (new List<long>(), new List<long>(), new List<GroupCandidate>());
        for (var b = 0; b < batch.Entries.Count; b++)
        {
            var entry = batch.Entries[b];
            if (entry.Candidate.Source == CandidateSource.Policy)
            {
                numbers.TryAdd(entry.Group, numbers.Count);
                rows.Add(b);
                prompts.Add(numbers[entry.Group]);
                candidates.Add(entry.Candidate);
            }
        }

        (Rows, PromptOf, Candidates, Prompts) = ([.. rows], [.. prompts], candidates, numbers.Count);
    }

    /// <summary>Their places among the batch's sequences, ascending, [P].</summary>
    public long[] Rows { get; }

    /// <summary>Prompt of each, from 0 to <see cref="Prompts"/> - 1, [P].</summary>
    public long[] PromptOf { get; }

    /// <summary>[P].</summary>
    public IReadOnlyList<GroupCandidate> Candidates { get; }

    /// <summary>Prompts with at least one.</summary>
    public int Prompts { get; }
}
