namespace Serving.Tokenization.Templates;

/// <summary>Jinja's tests: "value is name". Pure.</summary>
internal static class Tests
{
    private static readonly HashSet<string> _comparisons = new(StringComparer.Ordinal)
    {
        "==", "eq", "equalto", "!=", "ne", "<", "lt", "lessthan", "<=", "le", ">", "gt", "greaterthan", ">=", "ge", "in", "divisibleby", "sameas",
    };

    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(
        [
            .. _comparisons, "boolean", "defined", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none", "number", "odd", "sequence",
            "string", "true", "undefined", "upper",
        ],
        StringComparer.Ordinal);

    /// <summary>Whether an argument may follow without brackets: "x is divisibleby 3".</summary>
    public static bool TakesArgument(string name) => _comparisons.Contains(name);

    public static bool Holds(string name, object? value, CallArguments arguments, RenderBudget budget)
    {
        switch (name)
        {
            case "defined":
                return value is not Undefined;
            case "undefined":
                return value is Undefined;
            case "none":
                return value is null;
            case "boolean":
                return value is bool;
            case "true":
                return value is true;
            case "false":
                return value is false;
            case "string":
                return value is string;
            case "number":
                return value is long or double or bool;
            case "integer":
                return value is long;
            case "float":
                return value is double;
            case "mapping":
                return value is Mapping;
            case "iterable" or "sequence":
                return value is List<object?> or Mapping or string;
            case "odd" or "even":
                return Values.Integer(value, $"what \"{name}\" tests") % 2 == 0 == (name == "even");
            case "lower":
                return value is string lower && lower.Any(char.IsLower) && !lower.Any(char.IsUpper);
            case "upper":
                return value is string upper && upper.Any(char.IsUpper) && !upper.Any(char.IsLower);
        }

        var other = arguments.Required(0, "other");
        return name switch
        {
            "==" or "eq" or "equalto" or "sameas" => Values.Same(value, other, budget),
            "!=" or "ne" => !Values.Same(value, other, budget),
            "<" or "lt" or "lessthan" => Values.Compare(value, other) < 0,
            "<=" or "le" => Values.Compare(value, other) <= 0,
            ">" or "gt" or "greaterthan" => Values.Compare(value, other) > 0,
            ">=" or "ge" => Values.Compare(value, other) >= 0,
            "in" => Values.Contains(other, value, budget),
            _ => Values.Integer(other, "the divisor") is not 0 and var divisor && (divisor == -1 || Values.Integer(value, "what is divided") % divisor == 0),
        };
    }
}
