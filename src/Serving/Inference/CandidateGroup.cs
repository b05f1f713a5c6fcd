using System.Threading.Channels;

namespace Serving.Inference;

/// <summary>The candidates of one request: they share one prefill and end together, though not at the same time.</summary>
internal sealed class CandidateGroup : EngineRequest
{
    private readonly TaskCompletionSource<Candidate[]> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<Candidate>? _finished;
    private readonly Channel<TokenEvent>? _events;
    private readonly Candidate[] _candidates;
    private int _unfinished;

    /// <param name="request">A valid request.</param>
    /// <param name="limit">Most tokens of an answer: the request's, or what the context leaves.</param>
    /// <param name="finished">Called on a pool thread for each candidate; may be null.</param>
    /// <param name="streams">Whether <see cref="Events"/> is wanted.</param>
    public CandidateGroup(SampleRequest request, int limit, Action<Candidate>? finished, bool streams)
        : base(request.Prompt, request.Prompt.Length - 1, request.Candidates)
    {
        Request = request;
        Limit = limit;
        _finished = finished;
        _events = streams ? Channel.CreateUnbounded<TokenEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = false }) : null;
        _candidates = new Candidate[request.Candidates];
        _unfinished = request.Candidates;
    }

    public SampleRequest Request { get; }

    public int Limit { get; }

    /// <summary>Keeps the answers to the request's grammar; null without one. Engine thread only.</summary>
    public TokenGuide? Guide { get; set; }

    /// <summary>Candidates with a first token but without a row. Engine thread only.</summary>
    public Queue<Sequence> Waiting { get; } = new();

    /// <summary>All candidates, once every one has finished and has been reported.</summary>
    public Task<Candidate[]> Completion => _completion.Task;

    public ChannelReader<TokenEvent> Events => _events!.Reader;

    /// <summary>Passes on what a sequence gained by its last token. Engine thread only.</summary>
    public void Report(Sequence sequence)
    {
        var candidate = sequence.Finished is null ? null : sequence.ToCandidate();
        _events?.Writer.TryWrite(sequence.TakeEvent(candidate));
        if (candidate is null)
        {
            return;
        }

        _candidates[candidate.Index] = candidate;
        if (_finished is null)
        {
            CountFinished();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(static work => work.Group.Call(work.Candidate), (Group: this, Candidate: candidate), preferLocal: false);
        }
    }

    protected override bool Finished => _completion.Task.IsCompleted;

    protected override void OnCanceled(CancellationToken cancellationToken)
    {
        _completion.TrySetCanceled(cancellationToken);
        _events?.Writer.TryComplete(new OperationCanceledException(cancellationToken));
    }

    protected override void OnFailed(Exception reason)
    {
        if (_events is null)
        {
            _completion.TrySetException(reason);
        }
        else
        {
            _events.Writer.TryComplete(reason);      // nobody awaits the completion of a stream
        }
    }

    private void Call(Candidate candidate)
    {
        try
        {
            _finished!(candidate);
        }
        catch (Exception e)
        {
            Fail(e);         // the caller's own error goes back to the caller; on a pool thread it would end the process
            return;
        }

        CountFinished();
    }

    /// <summary>The last one to get here ends the request, so a caller has seen every candidate before the whole.</summary>
    private void CountFinished()
    {
        if (Interlocked.Decrement(ref _unfinished) == 0)
        {
            Detach();
            _completion.TrySetResult(_candidates);
            _events?.Writer.TryComplete();
        }
    }
}
