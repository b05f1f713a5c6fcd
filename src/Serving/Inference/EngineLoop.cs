namespace Serving.Inference;

/// <summary>
/// The engine thread's state and steps: plan (<see cref="Scheduler"/>), reserve (rows of the <see cref="IDecoder"/>), run, sample
/// (<see cref="Sampler"/>), commit. Everything is touched by that thread only, except what is said to be readable by others.
/// </summary>
internal sealed class EngineLoop : IDisposable
{
    private readonly IDecoder _decoder;
    private readonly AdmissionQueue _queue;
    private readonly int _capacity;
    private readonly int _chunk;
    private readonly int[] _endTokens;
    private readonly Func<int, ReadOnlyMemory<byte>> _bytesOf;
    private readonly Sampler _sampler;
    private readonly StepBatch _batch;
    private readonly PrefixCache _prefixes;
    private readonly List<Sequence> _active = [];
    private EngineRequest? _prompt;          // its row stays until every candidate has one
    private int _promptRow = -1;
    private int _prefilled;
    private TokenTexts? _texts;              // made for the first answer that has a grammar
    private volatile bool _healthy = true;
    private long _prefilledTokens;
    private long _reusedTokens;
    private long _generatedTokens;
    private long _steps;
    private int _activeRows;
    private long _keyValueBytes;

    public EngineLoop(
        IDecoder decoder, AdmissionQueue queue, InferenceOptions options, int[] endTokens, Func<int, ReadOnlyMemory<byte>> bytesOf)
    {
        _decoder = decoder;
        _queue = queue;
        _capacity = Math.Min(options.Slots, decoder.Rows - 1);       // one is the prompt's
        _chunk = Math.Min(options.PrefillChunk, decoder.LargestStep - _capacity);
        _endTokens = endTokens;
        _bytesOf = bytesOf;
        _sampler = new Sampler(decoder.VocabularySize);
        _batch = new StepBatch(decoder.LargestStep);
        _prefixes = new PrefixCache(decoder, options.PrefixCacheTokens);
    }

    /// <summary>Any thread.</summary>
    public bool Healthy => _healthy;

    /// <summary>Any thread.</summary>
    public EngineStatistics Statistics => new(
        Volatile.Read(ref _prefilledTokens),
        Volatile.Read(ref _reusedTokens),
        Volatile.Read(ref _generatedTokens),
        Volatile.Read(ref _steps),
        Volatile.Read(ref _activeRows),
        _queue.Waiting,
        Volatile.Read(ref _keyValueBytes));

    /// <summary>The thread's body: steps until the queue is closed, then fails what is left, so that no caller waits for ever.</summary>
    public void Run()
    {
        try
        {
            while (_queue.ClosedBy is null)
            {
                if (!Step())
                {
                    _queue.Wait();
                }
            }
        }
        catch (Exception e)
        {
            _healthy = false;
            _queue.Close(new InferenceFailedException($"The policy's engine has stopped ({e.Message}); load the policy again.", e));
        }

        FailAll(_queue.ClosedBy!);
    }

    public void Dispose() => _sampler.Dispose();

    /// <summary>One step; false when there was nothing to do.</summary>
    private bool Step()
    {
        if (_queue.TakeCancellations())
        {
            Commit();
        }

        Admit();
        if (_prompt is null && (_prompt = _queue.Take()) is not null)
        {
            // Whoever wants more than the last logits must run all of them.
            var reusable = Math.Min(_prompt.Tokens.Length - 1, _prompt.FirstLogits);
            (_promptRow, _prefilled) = _prefixes.Open(_prompt.Tokens, reusable);
            _prompt.CachedTokens = _prefilled;
            Volatile.Write(ref _reusedTokens, _reusedTokens + _prefilled);
        }

        var plan = Scheduler.Next(new EngineState(_active.Count, _prompt?.Tokens.Length ?? 0, _prefilled), _chunk);
        if (plan.Idle)
        {
            return false;
        }

        Run(plan);
        Commit();
        return true;
    }

    /// <summary>Gives rows to candidates that have their first token: each begins with the prompt's keys and values.</summary>
    private void Admit()
    {
        while (_active.Count < _capacity && _prompt is CandidateGroup { Waiting.Count: > 0 } group)
        {
            var sequence = group.Waiting.Dequeue();
            sequence.Row = _decoder.Fork(_promptRow, group.Tokens.Length);
            _active.Add(sequence);
            _queue.Settle(group, 1);
            if (group.Waiting.Count == 0)
            {
                EndPrompt(keep: true);
            }
        }
    }

    /// <summary>Runs one token of every active row and, beside them, a piece of the prompt.</summary>
    private void Run(StepPlan plan)
    {
        _batch.Begin();
        foreach (var sequence in _active)
        {
            _batch.Add(sequence.Row, sequence.LastToken);
        }

        var wanted = 0;
        if (plan.Prompt > 0)
        {
            wanted = Math.Clamp(_prefilled + plan.Prompt - _prompt!.FirstLogits, 0, plan.Prompt);      // none before the first position that counts
            _batch.Add(_promptRow, _prompt.Tokens.AsSpan(_prefilled, plan.Prompt), wanted);
        }

        var logits = _batch.Run(_decoder);
        Volatile.Write(ref _steps, _steps + 1);
        var vocabulary = _decoder.VocabularySize;
        for (var i = 0; i < plan.Rows; i++)
        {
            if (!_active[i].Group.Closed)
            {
                Sample(_active[i], logits.Slice(i * vocabulary, vocabulary));
            }
        }

        if (plan.Prompt > 0)
        {
            _prefilled += plan.Prompt;
            Volatile.Write(ref _prefilledTokens, _prefilledTokens + plan.Prompt);
            if (wanted > 0 && !_prompt!.Closed)
            {
                Take(logits[(plan.Rows * vocabulary)..], wanted);
            }
        }
    }

    /// <summary>Hands the logits of the prompt's last positions to whoever asked for them.</summary>
    private void Take(ReadOnlySpan<float> logits, int count)
    {
        if (_prompt is CandidateGroup group)
        {
            Begin(group, logits);
        }
        else if (_prompt is ContinuationScore score)
        {
            if (!score.TryTake(logits, count, _prefilled - count, _sampler))
            {
                score.Fail(NotFinite());
            }
            else if (_prefilled == score.Tokens.Length)
            {
                _queue.Settle(score, score.Places);
                score.Complete();
                EndPrompt(keep: false);
            }
        }
    }

    /// <summary>Samples the first token of every candidate from the logits of the prompt's last position.</summary>
    private void Begin(CandidateGroup group, ReadOnlySpan<float> logits)
    {
        var sampling = group.Request.Sampling;
        if (sampling.Grammar is { } grammar)
        {
            _texts ??= new TokenTexts(_decoder.VocabularySize, _bytesOf);
            group.Guide = new TokenGuide(grammar, _texts, sampling.IgnoreEos ? [] : _endTokens, _bytesOf);
        }

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
                _queue.Settle(group, 1);
            }
        }

        if (group.Waiting.Count == 0 && !group.Closed)
        {
            EndPrompt(keep: true);
        }
    }

    private void EndPrompt(bool keep)
    {
        if (keep)
        {
            _prefixes.Keep(_prompt!.Tokens, _promptRow);
        }
        else
        {
            _decoder.Close(_promptRow);
        }

        (_prompt, _promptRow, _prefilled) = (null, -1, 0);
    }

    private void Sample(Sequence sequence, ReadOnlySpan<float> logits)
    {
        var group = sequence.Group;
        var mask = sequence.Mask;
        if (mask is { Any: false })
        {
            group.Fail(new InvalidRequestException("The policy's vocabulary has no tokens for the answer that response_format asks for.", "response_format"));
            return;
        }

        if (_sampler.Draw(logits, group.Request.Sampling, sequence.NextUniform, sequence.History, mask, sequence.LeftBehindNext) is not { } sampled)
        {
            group.Fail(NotFinite());
            return;
        }

        Volatile.Write(ref _generatedTokens, _generatedTokens + 1);
        var ends = !group.Request.Sampling.IgnoreEos && _endTokens.AsSpan().Contains(sampled.Token);
        var count = group.Request.Sampling.TopLogProbs;
        sequence.Append(sampled, count > 0 ? _sampler.Top(logits, count) : null, _bytesOf(sampled.Token).Span, ends);
        group.Report(sequence);
    }

    /// <summary>Frees the rows of what has finished or was given up.</summary>
    private void Commit()
    {
        for (var i = _active.Count - 1; i >= 0; i--)
        {
            if (_active[i].Finished is null && !_active[i].Group.Closed)
            {
                continue;
            }

            _decoder.Close(_active[i].Row);
            _active[i] = _active[^1];
            _active.RemoveAt(_active.Count - 1);
        }

        if (_prompt is { Closed: true })
        {
            _queue.Settle(_prompt, _prompt.Places);
            (_prompt as CandidateGroup)?.Waiting.Clear();
            EndPrompt(keep: false);
        }

        Volatile.Write(ref _activeRows, _active.Count);
        Volatile.Write(ref _keyValueBytes, _decoder.KeyValueBytes);
    }

    private void FailAll(Exception reason)
    {
        _active.ForEach(sequence => sequence.Group.Fail(reason));
        _active.Clear();
        for (_prompt ??= _queue.Take(); _prompt is not null; _prompt = _queue.Take())
        {
            _queue.Settle(_prompt, _prompt.Places);
            _prompt.Fail(reason);
        }

        Volatile.Write(ref _activeRows, 0);
    }

    private static InferenceFailedException NotFinite() =>
        new("The policy's logits are not finite numbers: its weights are damaged or training has diverged. Load another version.");
}
