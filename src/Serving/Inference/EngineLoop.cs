namespace Serving.Inference;

/// <summary>
/// The engine thread's state and steps: plan (<see cref="Scheduler"/>), reserve (<see cref="KvSlots"/>), run (<see cref="IDecoder"/>), sample
/// (<see cref="Sampler"/>), commit. Everything is touched by that thread only, except what is said to be readable by others.
/// </summary>
internal sealed class EngineLoop(
    IDecoder decoder, AdmissionQueue queue, int chunk, int[] endTokens, Func<int, ReadOnlyMemory<byte>> bytesOf) : IDisposable
{
    private readonly KvSlots _slots = new(decoder.Slots);
    private readonly Sampler _sampler = new(decoder.VocabularySize);
    private readonly int[] _tokens = new int[decoder.Slots];
    private readonly int[] _lengths = new int[decoder.Slots];
    private EngineRequest? _prompt;          // what the prompt slot holds: its keys and values stay there until every candidate has a row
    private int _prefilled;
    private bool _prefilledLast;
    private volatile bool _healthy = true;
    private long _prefilledTokens;
    private long _generatedTokens;
    private long _prefillSteps;
    private long _decodeSteps;
    private int _activeRows;

    /// <summary>Any thread.</summary>
    public bool Healthy => _healthy;

    /// <summary>Any thread.</summary>
    public EngineStatistics Statistics => new(
        Volatile.Read(ref _prefilledTokens),
        Volatile.Read(ref _generatedTokens),
        Volatile.Read(ref _prefillSteps),
        Volatile.Read(ref _decodeSteps),
        Volatile.Read(ref _activeRows),
        queue.Waiting);

    /// <summary>The thread's body: steps until the queue is closed, then fails what is left, so that no caller waits for ever.</summary>
    public void Run()
    {
        try
        {
            while (queue.ClosedBy is null)
            {
                if (!Step())
                {
                    queue.Wait();
                }
            }
        }
        catch (Exception e)
        {
            _healthy = false;
            queue.Close(new InferenceFailedException($"The policy's engine has stopped ({e.Message}); load the policy again.", e));
        }

        FailAll(queue.ClosedBy!);
    }

    public void Dispose() => _sampler.Dispose();

    /// <summary>One step; false when there was nothing to do.</summary>
    private bool Step()
    {
        if (queue.TakeCancellations())
        {
            Commit();
        }

        if (_prompt is null && (_prompt = queue.Take()) is not null)
        {
            _prefilled = 0;
        }

        var plan = Scheduler.Next(State(), chunk);
        Admit(plan.Admit);
        _prefilledLast = plan.Kind == StepKind.Prefill;
        switch (plan.Kind)
        {
            case StepKind.Prefill:
                Prefill(_prompt!, plan.Start, plan.Count);
                break;
            case StepKind.Decode:
                Decode(plan.Count);
                break;
            default:
                return false;
        }

        Commit();
        return true;
    }

    private EngineState State() => new(
        _slots.Active,
        _slots.Free,
        _prompt is CandidateGroup group ? group.Waiting.Count : 0,
        _prompt?.Tokens.Length ?? 0,
        _prefilled,
        _prefilledLast);

    /// <summary>Gives rows to candidates that have their first token: each gets a copy of the prompt's keys and values.</summary>
    private void Admit(int count)
    {
        for (; count > 0; count--)
        {
            var group = (CandidateGroup)_prompt!;
            var row = _slots.Reserve(group.Waiting.Dequeue());
            decoder.CopySlot(decoder.Slots, row, group.Tokens.Length);
            queue.Settle(group, 1);
            if (group.Waiting.Count == 0)
            {
                _prompt = null;
            }
        }
    }

    private void Prefill(EngineRequest request, int start, int count)
    {
        var wanted = Math.Min(count, start + count - request.FirstLogits);        // none before the first position that counts
        var logits = decoder.Prefill(decoder.Slots, request.Tokens.AsSpan(start, count), start, Math.Max(1, wanted));
        _prefilled = start + count;
        Volatile.Write(ref _prefillSteps, _prefillSteps + 1);
        Volatile.Write(ref _prefilledTokens, _prefilledTokens + count);
        if (wanted <= 0 || request.Closed)
        {
            return;
        }

        if (request is CandidateGroup group)
        {
            Begin(group, logits);
        }
        else if (request is ContinuationScore score)
        {
            if (!score.TryTake(logits, wanted, start + count - wanted, _sampler))
            {
                score.Fail(NotFinite());
            }
            else if (_prefilled == request.Tokens.Length)
            {
                queue.Settle(score, score.Places);
                score.Complete();
                _prompt = null;
            }
        }
    }

    /// <summary>Samples the first token of every candidate from the logits of the prompt's last position.</summary>
    private void Begin(CandidateGroup group, ReadOnlySpan<float> logits)
    {
        for (var i = 0; i < group.Request.Candidates && !group.Closed; i++)
        {
            var sequence = new Sequence(group, i, group.Limit);
            Sample(sequence, logits);
            if (sequence.Finished is null)
            {
                group.Waiting.Enqueue(sequence);
            }
            else
            {
                queue.Settle(group, 1);
            }
        }

        if (group.Waiting.Count == 0 && !group.Closed)
        {
            _prompt = null;
        }
    }

    private void Decode(int rows)
    {
        for (var i = 0; i < rows; i++)
        {
            _tokens[i] = _slots[i].LastToken;
            _lengths[i] = _slots[i].Length;
        }

        var logits = decoder.Decode(_tokens.AsSpan(0, rows), _lengths.AsSpan(0, rows));
        Volatile.Write(ref _decodeSteps, _decodeSteps + 1);
        for (var i = 0; i < rows; i++)
        {
            if (!_slots[i].Group.Closed)
            {
                Sample(_slots[i], logits.Slice(i * decoder.VocabularySize, decoder.VocabularySize));
            }
        }
    }

    private void Sample(Sequence sequence, ReadOnlySpan<float> logits)
    {
        var group = sequence.Group;
        if (_sampler.Draw(logits, group.Request.Sampling, sequence.NextUniform) is not { } sampled)
        {
            group.Fail(NotFinite());
            return;
        }

        Volatile.Write(ref _generatedTokens, _generatedTokens + 1);
        var ends = !group.Request.Sampling.IgnoreEos && endTokens.AsSpan().Contains(sampled.Token);
        sequence.Append(sampled, bytesOf(sampled.Token).Span, ends);
        group.Report(sequence);
    }

    /// <summary>Frees the rows of what has finished or was given up, from the last on, so that a hole is filled by a row that goes on.</summary>
    private void Commit()
    {
        for (var row = _slots.Active - 1; row >= 0; row--)
        {
            if (_slots[row].Finished is null && !_slots[row].Group.Closed)
            {
                continue;
            }

            var last = _slots.Release(row);
            if (last != row)
            {
                decoder.CopySlot(last, row, _slots[row].Length);
            }
        }

        if (_prompt is { Closed: true })
        {
            queue.Settle(_prompt, _prompt.Places);
            (_prompt as CandidateGroup)?.Waiting.Clear();
            _prompt = null;
        }

        Volatile.Write(ref _activeRows, _slots.Active);
    }

    private void FailAll(Exception reason)
    {
        for (var row = _slots.Active - 1; row >= 0; row--)
        {
            _slots[row].Group.Fail(reason);
            _slots.Release(row);
        }

        for (_prompt ??= queue.Take(); _prompt is not null; _prompt = queue.Take())
        {
            queue.Settle(_prompt, _prompt.Places);
            _prompt.Fail(reason);
        }

        Volatile.Write(ref _activeRows, 0);
    }

    private static InferenceFailedException NotFinite() =>
        new("The policy's logits are not finite numbers: its weights are damaged or training has diverged. Load another version.");
}
