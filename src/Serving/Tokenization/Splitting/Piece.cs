namespace Serving.Tokenization.Splitting;

/// <summary>A part of a text on its way to the model; a slice, so that splitting copies nothing.</summary>
/// <param name="First">It begins where the whole text began.</param>
internal readonly record struct Piece(string Text, int Start, int Length, bool First)
{
    public Piece(string text, bool first)
        : this(text, 0, text.Length, first)
    {
    }

    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);

    public Piece Slice(int start, int end) => new(Text, Start + start, end - start, First && start == 0);

    public override string ToString() => Start == 0 && Length == Text.Length ? Text : Text.Substring(Start, Length);
}

/// <summary>One step of a pre-tokeniser: appends the parts of a piece, none of them empty. Pure and thread-safe.</summary>
internal delegate void SplitRule(Piece piece, List<Piece> parts);

/// <summary>Where a pattern matched: [Start, End) in UTF-16 units.</summary>
internal readonly record struct Match(int Start, int End);
