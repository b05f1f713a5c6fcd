using System.Runtime.InteropServices;

namespace Serving.Grammar;

/// <summary>
/// Follows texts through a grammar byte by byte: an automaton with stacks whose states are made when they are first reached and then found by a look-up.
/// All alternatives are followed at once. Deeper than <see cref="DeepestNesting"/> only the shortest one remains, so that recursion ends. Not thread-safe.
/// </summary>
public sealed class GrammarMatcher
{
    /// <summary>Parts that may be open within each other; a JSON reader's usual limit is 64.</summary>
    public const int DeepestNesting = 48;

    private const int MostStates = 8192;                               // 2 KB each

    private readonly Dictionary<(GrammarNode, int, Pending?), Pending> _pending = [];
    private readonly Dictionary<Key, GrammarState> _states = [];
    private readonly List<Pending> _heads = [];
    private readonly HashSet<Pending> _seen = new(ReferenceEqualityComparer.Instance);

    public GrammarMatcher(JsonGrammar grammar)
    {
        var accepts = false;
        Expand(Push(grammar.Root, 0, null), ref accepts);
        Start = StateOf(accepts);
    }

    /// <summary>No text that begins so is in the grammar.</summary>
    public static GrammarState Dead { get; } = new([], accepts: false);

    /// <summary>Before the first byte.</summary>
    public GrammarState Start { get; }

    /// <summary>The state behind one more byte; <see cref="Dead"/> when it may not come.</summary>
    public GrammarState Step(GrammarState state, byte value)
    {
        if (state.Next(value) is { } known)
        {
            return known;
        }

        var next = Reach(state, value);
        state.Next(value) = next;
        return next;
    }

    private GrammarState Reach(GrammarState state, byte value)
    {
        if (_states.Count > MostStates)
        {
            // States in use go on by themselves. Links are cut, or those who are in use would keep all others alive.
            foreach (var known in _states.Values)
            {
                known.Forget();
            }

            _states.Clear();
            _pending.Clear();
        }

        var accepts = false;
        foreach (var head in state.Heads)
        {
            if (((ByteNode)head.Node).Has(value))
            {
                Expand(head.Tail, ref accepts);
            }
        }

        return StateOf(accepts);
    }

    private GrammarState StateOf(bool accepts)
    {
        Pending[] heads = [.. _heads];
        _heads.Clear();
        _seen.Clear();
        if (heads.Length == 0 && !accepts)
        {
            return Dead;
        }

        ref var state = ref CollectionsMarshal.GetValueRefOrAddDefault(_states, new Key(heads, accepts), out _);
        return state ??= new GrammarState(heads, accepts);
    }

    /// <summary>Collects the bytes that may come next.</summary>
    private void Expand(Pending? pending, ref bool accepts)
    {
        if (pending is null)
        {
            accepts = true;
            return;
        }

        if (!_seen.Add(pending))
        {
            return;              // reached another way; also what ends a reference to itself
        }

        var (node, at, tail) = (pending.Node, pending.At, pending.Tail);
        switch (node)
        {
            case ByteNode:
                _heads.Add(pending);
                break;
            case SeriesNode when at == node.Parts.Count:
                Expand(tail, ref accepts);
                break;
            case SeriesNode:
                Expand(Push(node.Parts[at], 0, at + 1 == node.Parts.Count ? tail : Push(node, at + 1, tail)), ref accepts);
                break;
            case ChoiceNode choice when pending.Depth > DeepestNesting:
                Expand(Push(choice.Least, 0, tail), ref accepts);
                break;
            case RepeatNode repeat:
                ExpandRepeat(repeat, pending, ref accepts);
                break;
            default:
                foreach (var part in node.Parts)
                {
                    Expand(Push(part, 0, tail), ref accepts);
                }

                break;
        }
    }

    private void ExpandRepeat(RepeatNode repeat, Pending pending, ref bool accepts)
    {
        if (pending.At >= repeat.Least)
        {
            Expand(pending.Tail, ref accepts);
        }

        if (pending.At < repeat.Least || ((repeat.Most is null || pending.At < repeat.Most) && pending.Depth <= DeepestNesting))
        {
            // Without a limit, counting beyond the least would only tell equal states apart.
            var count = repeat.Most is null ? Math.Min(pending.At + 1, repeat.Least) : pending.At + 1;
            Expand(Push(repeat.Parts[0], 0, Push(repeat, count, pending.Tail)), ref accepts);
        }
    }

    private Pending Push(GrammarNode node, int at, Pending? tail)
    {
        ref var pending = ref CollectionsMarshal.GetValueRefOrAddDefault(_pending, (node, at, tail), out _);
        return pending ??= new Pending(node, at, tail);
    }

    /// <summary>Heads by identity, in their order.</summary>
    private readonly struct Key(Pending[] heads, bool accepts) : IEquatable<Key>
    {
        private readonly Pending[] _heads = heads;
        private readonly bool _accepts = accepts;

        public bool Equals(Key other) => _accepts == other._accepts && _heads.AsSpan().SequenceEqual(other._heads);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var head in _heads)
            {
                hash.Add(head);
            }

            return hash.ToHashCode();
        }
    }
}
