namespace Serving.Tokenization.Templates;

/// <summary>A node of an expression. Immutable.</summary>
internal abstract record Expression;

/// <param name="Value">A string, long, double, bool or null.</param>
internal sealed record Literal(object? Value) : Expression;

internal sealed record Variable(string Name) : Expression;

/// <summary>[a, b], and (a, b), which is not told apart.</summary>
internal sealed record ListLiteral(IReadOnlyList<Expression> Items) : Expression;

internal sealed record DictionaryLiteral(IReadOnlyList<(Expression Key, Expression Value)> Entries) : Expression;

/// <summary>target.name.</summary>
internal sealed record Member(Expression Target, string Name) : Expression;

/// <summary>target[index].</summary>
internal sealed record Item(Expression Target, Expression Index) : Expression;

/// <summary>target[from:to:step].</summary>
internal sealed record Slice(Expression Target, Expression? From, Expression? To, Expression? Step) : Expression;

/// <summary>name(...): a function or a macro.</summary>
internal sealed record FunctionCall(string Name, Arguments Arguments) : Expression;

/// <summary>target.name(...).</summary>
internal sealed record MethodCall(Expression Target, string Name, Arguments Arguments) : Expression;

/// <summary>target | name(...).</summary>
internal sealed record Filter(Expression Target, string Name, Arguments Arguments) : Expression;

/// <summary>target is name(...).</summary>
internal sealed record Test(Expression Target, string Name, Arguments Arguments) : Expression;

/// <param name="Operator">"-", "+" or "not".</param>
internal sealed record Unary(string Operator, Expression Operand) : Expression;

/// <param name="Operator">Arithmetic, "~", a comparison, "in", "not in", "and" or "or".</param>
internal sealed record Binary(string Operator, Expression Left, Expression Right) : Expression;

/// <summary>value if condition else otherwise.</summary>
internal sealed record Conditional(Expression Condition, Expression Value, Expression? Otherwise) : Expression;

internal sealed record Arguments(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    public static Arguments None { get; } = new([], []);
}
