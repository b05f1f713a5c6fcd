using System.Diagnostics;
using Serving.Grammar;

namespace Serving.Inference;

/// <summary>One candidate while it is being sampled. Engine thread only.</summary>
internal sealed class Sequence
{
    private const int ExpectedTokens = 256;

    private readonly int _limit;
    private readonly ulong _seed;
    private readonly long _first = Stopwatch.GetTimestamp();      // made when its first token is to be drawn
    private readonly List<int> _tokens;
    private readonly List<float> _logProbs;
    private readonly List<float> _sampledLogProbs;
    private readonly List<TokenLogProb[]>? _topLogProbs;
    private readonly AnswerText _text;
    private GrammarState? _state;
    private bool _cut;

    /// <param name="group">What it belongs to.</param>
    /// <param name="index">Its number within the group.</param>
    /// <param name="limit">Most tokens, at least 1.</param>
    public Sequence(CandidateGroup group, int index, int limit)
    {
        Group = group;
        Index = index;
        _limit = limit;
        _seed = CounterRandom.ChildSeed(group.Request.Sampling.Seed, group.Request.FirstCandidate + index);
        var expected = Math.Min(limit, ExpectedTokens);
        _tokens = new List<int>(expected);
        _logProbs = new List<float>(expected);
        _sampledLogProbs = new List<float>(expected);
        _text = new AnswerText(group.Request.Sampling.Stop);
        History = group.Request.Sampling.Penalises ? new TokenHistory(group.Request.Prompt) : null;
        _state = group.Guide?.Start;
        _topLogProbs = group.Request.Sampling.TopLogProbs > 0 ? new List<TokenLogProb[]>(expected) : null;
    }

    public CandidateGroup Group { get; }

    /// <summary>What penalties depend on; null without penalties.</summary>
    public TokenHistory? History { get; }

    public int Index { get; }

    /// <summary>The decoder's row, once there is one.</summary>
    public int Row { get; set; } = -1;

    /// <summary>Tokens sampled so far; the last of them has not been run yet.</summary>
    public int Count => _tokens.Count;

    public int LastToken => _tokens[^1];

    /// <summary>Tokens that may come behind the next one.</summary>
    public int LeftBehindNext => _limit - Count - 1;

    /// <summary>What the next token may be; null = any.</summary>
    public TokenMask? Mask => _state is null ? null : Group.Guide!.MaskOf(_state);

    /// <summary>The next draw of this candidate: the same wherever and with whomever it runs.</summary>
    public double NextUniform => CounterRandom.Uniform(_seed, Count);

    public FinishReason? Finished { get; private set; }

    /// <summary>Adds a sampled token and decides whether the answer ends with it.</summary>
    /// <param name="sampled">The draw.</param>
    /// <param name="best">The most probable tokens of its position, when they are asked for.</param>
    /// <param name="bytes">What the token stands for.</param>
    /// <param name="ends">Whether it is an end token.</param>
    public void Append(in SampledToken sampled, TokenLogProb[]? best, ReadOnlySpan<byte> bytes, bool ends)
    {
        History?.Add(sampled.Token);
        _topLogProbs?.Add(best!);
        _tokens.Add(sampled.Token);
        _logProbs.Add(sampled.LogProb);
        _sampledLogProbs.Add(sampled.SampledLogProb);
        if (_state is not null)
        {
            _state = Group.Guide!.After(_state, sampled.Token);
            ends |= _state.Complete;
        }

        if (_text.Append(bytes))
        {
            Finished = FinishReason.Stop;
            _cut = true;
        }
        else if (ends || Count == _limit)
        {
            Finished = ends ? FinishReason.Stop : FinishReason.Length;
            _text.Finish();
        }
    }

    /// <summary>What a stream gained by the last token: text that has become certain since the last call, and the token's own figures.</summary>
    public TokenEvent TakeEvent(Candidate? finished) => new(_text.Take(Finished is not null), finished, LastToken, _logProbs[^1], _sampledLogProbs[^1])
    {
        TopLogProbs = _topLogProbs is null ? [] : _topLogProbs[^1],
    };

    public Candidate ToCandidate() => new(
        Index,
        [.. _tokens],
        [.. _logProbs],
        [.. _sampledLogProbs],
        _text.ToString(),
        Finished ?? throw new InvalidOperationException("The candidate is still being sampled."))
    {
        TopLogProbs = _topLogProbs is null ? [] : [.. _topLogProbs],
        Times = new CandidateTimes(_first, Stopwatch.GetTimestamp()),
        Whole = _state is null || (_state.Accepts && !_cut),
        CachedTokens = Group.CachedTokens,
    };
}
