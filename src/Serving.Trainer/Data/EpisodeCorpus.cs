using Serving.Episodes;

namespace Serving.Trainer.Data;

/// <summary>A prompt to answer. Immutable.</summary>
/// <param name="Source">What scorers see as the source of an answer.</param>
/// <param name="Tokens">Ids of the prompt.</param>
/// <param name="Answers">Answers that were logged for it: what a new one has to agree with where the scorecard counts consensus.</param>
public sealed record PromptText(string Source, int[] Tokens, IReadOnlyList<string> Answers);

/// <summary>
/// Feeds the log of episodes into a replay window and keeps a share of the sources apart for evaluation, chosen by a hash of their text so that
/// one source is never on both sides. Not thread-safe: the training loop owns it.
/// </summary>
/// <param name="reader">At the beginning of the log.</param>
/// <param name="window">Gets the groups to train on.</param>
/// <param name="policy">Model name whose draws are wanted; null = any.</param>
/// <param name="heldOut">Share of the sources kept for evaluation, from 0 to 1.</param>
/// <param name="longest">Longest prompt and answer together that every policy of the run can take, in tokens.</param>
/// <param name="needsQuantiles">Leave groups without quantiles out.</param>
public sealed class EpisodeCorpus(
    EpisodeReader reader, ReplayWindow window, string? policy, double heldOut, int longest, bool needsQuantiles)
{
    /// <summary>Calls in a row that may find the log damaged: while episodes are being deleted, shards and the counts of them do not fit for a moment.</summary>
    private const int Patience = 3;

    private readonly Dictionary<string, PromptText> _heldOut = new(StringComparer.Ordinal);
    private bool _anew;
    private int _faults;

    /// <summary>Longest prompt and answer together, in tokens.</summary>
    public int Longest => longest;

    /// <summary>Episodes read so far; store it to resume.</summary>
    public int Read { get; private set; }

    /// <summary>Digest of the ids of those episodes in their order: another one after as many episodes is another log, or one from which some were deleted.</summary>
    public ulong Digest { get; private set; }

    /// <summary>Episodes read that gave no group.</summary>
    public int Skipped { get; private set; }

    /// <summary>Prompts kept apart, each source once, in the order of the log.</summary>
    public IReadOnlyCollection<PromptText> HeldOut => _heldOut.Values;

    /// <summary>
    /// Reads on, at most <paramref name="limit"/> episodes. When episodes were deleted that lay before the place reached, everything is read anew, so that
    /// what was deleted is trained on no longer.
    /// </summary>
    /// <exception cref="InvalidDataException">The log is damaged: at the first call at once, later after some calls that read nothing.</exception>
    public void ReadOn(int limit = int.MaxValue)
    {
        if (limit <= 0)
        {
            return;
        }

        foreach (var episode in ReadNew(limit))
        {
            Read++;
            Digest = StepRandom.Digest($"{Digest:x16} {episode.Id}");
            if (EpisodeGroups.Read(episode, policy) is not { } group || !Fits(group) || (needsQuantiles && !group.HasQuantiles))
            {
                Skipped++;
            }
            else if (StepRandom.Digest(group.Source) < heldOut * ulong.MaxValue)
            {
                _heldOut.TryAdd(group.Source, group.Asked);
            }
            else
            {
                window.Add(group);
            }
        }
    }

    private IReadOnlyList<Episode> ReadNew(int limit)
    {
        _anew |= reader.HasLostItsPlace();
        if (_anew)
        {
            reader.Rewind();
        }

        try
        {
            var episodes = reader.ReadNew(limit);
            _faults = 0;
            if (_anew)
            {
                Forget();
            }

            return episodes;
        }
        catch (InvalidDataException) when (Read > 0 && ++_faults < Patience)
        {
            return [];
        }
    }

    private void Forget()
    {
        window.Clear();
        _heldOut.Clear();
        (Read, Skipped, Digest, _anew) = (0, 0, 0, false);
    }

    private bool Fits(CandidateGroup group) => group.Prompt.Length + group.Candidates.Max(candidate => candidate.Tokens.Length) <= longest;
}
