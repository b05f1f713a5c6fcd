namespace Serving.Grammar;

/// <summary>What is still to come: a part of a grammar, how far into it, and what follows. Immutable; equal ones are one object within a matcher.</summary>
internal sealed class Pending
{
    public Pending(GrammarNode node, int at, Pending? tail)
    {
        Node = node;
        At = at;
        Tail = tail;
        Depth = (tail?.Depth ?? 0) + 1;
        Distance = Math.Min(GrammarNode.Endless, Own(node, at) + (tail?.Distance ?? 0));
    }

    public GrammarNode Node { get; }

    /// <summary>Parts of a series, or repetitions, that are behind.</summary>
    public int At { get; }

    public Pending? Tail { get; }

    public int Depth { get; }

    /// <summary>Bytes of the shortest end.</summary>
    public int Distance { get; }

    private static int Own(GrammarNode node, int at) => node switch
    {
        SeriesNode series => series.ShortestFrom(at),
        RepeatNode repeat => (int)Math.Min(GrammarNode.Endless, (long)Math.Max(0, repeat.Least - at) * repeat.Parts[0].Shortest),
        _ => node.Shortest,
    };
}
