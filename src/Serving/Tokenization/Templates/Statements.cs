namespace Serving.Tokenization.Templates;

/// <summary>A node of a template's body. Immutable.</summary>
internal abstract record Statement;

internal sealed record TextOutput(string Text) : Statement;

internal sealed record Output(Expression Value) : Statement;

/// <param name="Branches">Condition and body of if and elif; the condition of else is null.</param>
internal sealed record If(IReadOnlyList<(Expression? Condition, IReadOnlyList<Statement> Body)> Branches) : Statement;

/// <param name="Targets">The loop variable, or those that each item is taken apart into.</param>
/// <param name="Otherwise">Body for when there was no item.</param>
internal sealed record For(
    IReadOnlyList<string> Targets, Expression Items, Expression? Filter, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Otherwise) : Statement;

/// <param name="Member">Of a namespace: {% set Name.Member = Value %}.</param>
internal sealed record Set(IReadOnlyList<string> Names, string? Member, Expression Value) : Statement;

/// <summary>{% set Name %}Body{% endset %}.</summary>
internal sealed record SetBlock(string Name, IReadOnlyList<Statement> Body) : Statement;

internal sealed record Macro(string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body) : Statement;

/// <summary>{% break %} or {% continue %}.</summary>
internal sealed record Leave(bool Loop) : Statement;
