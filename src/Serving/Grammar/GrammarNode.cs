namespace Serving.Grammar;

/// <summary>A part of a grammar over bytes. Immutable once its grammar is built.</summary>
internal abstract class GrammarNode
{
    /// <summary>Stands for "no finite text": beyond any text that a request could mean.</summary>
    public const int Endless = 1 << 20;

    /// <summary>Bytes of the shortest text that matches; <see cref="Endless"/> while it is not known, and when there is none.</summary>
    public int Shortest { get; private set; } = Endless;

    /// <summary>What this node is made of.</summary>
    public abstract IReadOnlyList<GrammarNode> Parts { get; }

    /// <summary>Takes the shortest length from those of the parts; true when it has become smaller.</summary>
    public bool Shorten()
    {
        var shortest = Math.Min(Endless, Measure());
        var changed = shortest < Shortest;
        Shortest = shortest;
        return changed;
    }

    protected abstract int Measure();
}

/// <summary>One byte of a set.</summary>
internal sealed class ByteNode : GrammarNode
{
    private readonly bool[] _set = new bool[256];

    /// <param name="ranges">First and last byte of each range.</param>
    public ByteNode(params (int First, int Last)[] ranges)
    {
        foreach (var (first, last) in ranges)
        {
            _set.AsSpan(first..(last + 1)).Fill(true);
        }
    }

    public override IReadOnlyList<GrammarNode> Parts => [];

    public bool Has(byte value) => _set[value];

    protected override int Measure() => 1;
}

/// <summary>One after the other.</summary>
internal sealed class SeriesNode(IReadOnlyList<GrammarNode> parts) : GrammarNode
{
    private readonly int[] _from = new int[parts.Count + 1];     // shortest text of what is left behind so many parts

    public override IReadOnlyList<GrammarNode> Parts => parts;

    /// <summary>Bytes of the shortest text of the parts from one on.</summary>
    public int ShortestFrom(int part) => _from[part];

    protected override int Measure()
    {
        for (var i = parts.Count - 1; i >= 0; i--)
        {
            _from[i] = Math.Min(Endless, _from[i + 1] + parts[i].Shortest);
        }

        return _from[0];
    }
}

/// <summary>One of several.</summary>
internal sealed class ChoiceNode(IReadOnlyList<GrammarNode> parts) : GrammarNode
{
    public override IReadOnlyList<GrammarNode> Parts => parts;

    /// <summary>The alternative that is over soonest.</summary>
    public GrammarNode Least => parts.MinBy(part => part.Shortest)!;

    protected override int Measure() => parts.Min(part => part.Shortest);
}

/// <summary>Something several times.</summary>
/// <param name="part">Never empty: a step of the automaton would not end.</param>
/// <param name="least">Fewest.</param>
/// <param name="most">Most; null = no limit.</param>
internal sealed class RepeatNode(GrammarNode part, int least, int? most) : GrammarNode
{
    public override IReadOnlyList<GrammarNode> Parts { get; } = [part];

    public int Least => least;

    public int? Most => most;

    protected override int Measure() => (int)Math.Min(Endless, (long)least * part.Shortest);
}

/// <summary>A name for a node that is made later, so that grammars may recur.</summary>
internal sealed class ReferenceNode : GrammarNode
{
    private GrammarNode[] _target = [];

    public override IReadOnlyList<GrammarNode> Parts => _target;

    public void PointTo(GrammarNode target) => _target = [target];

    protected override int Measure() => _target[0].Shortest;
}
