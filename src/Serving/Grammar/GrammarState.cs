namespace Serving.Grammar;

/// <summary>
/// Where a text stands in its grammar. States of one matcher are equal only when they are the same object. Belongs to its matcher's thread.
/// </summary>
public sealed class GrammarState
{
    private readonly GrammarState?[] _next = new GrammarState?[256];

    internal GrammarState(Pending[] heads, bool accepts)
    {
        Heads = heads;
        Accepts = accepts;
        Distance = accepts ? 0 : heads.Length == 0 ? GrammarNode.Endless : heads.Min(head => head.Distance);
    }

    /// <summary>Whether the text is whole.</summary>
    public bool Accepts { get; }

    /// <summary>Whether it is whole and nothing may follow.</summary>
    public bool Complete => Accepts && Heads.Length == 0;

    /// <summary>Fewest bytes that make the text whole.</summary>
    public int Distance { get; }

    /// <summary>What may come next, each with all that must follow it.</summary>
    internal Pending[] Heads { get; }

    internal ref GrammarState? Next(byte value) => ref _next[value];

    /// <summary>Lets go of the states behind this one; they are made again when they are reached.</summary>
    internal void Forget() => Array.Clear(_next);
}
