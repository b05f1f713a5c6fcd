namespace Serving.Tokenization.Templates;

internal enum TokenKind
{
    Text,
    BeginOutput,
    EndOutput,
    BeginTag,
    EndTag,
    Name,
    String,
    Number,
    Operator,
    End,
}

/// <param name="Text">For a string its value, else as written.</param>
/// <param name="Position">In the template, in UTF-16 units.</param>
internal readonly record struct TemplateToken(TokenKind Kind, string Text, int Position)
{
    public bool Is(string operatorOrName) => Kind is TokenKind.Operator or TokenKind.Name && Text == operatorOrName;

    public override string ToString() => Kind == TokenKind.End ? "the end of the template" : $"\"{Text}\"";
}
