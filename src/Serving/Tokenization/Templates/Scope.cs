namespace Serving.Tokenization.Templates;

/// <summary>The variables of a body: what it sets is gone when it ends, what lies around it can be read. Not thread-safe.</summary>
internal sealed class Scope(Scope? around)
{
    private readonly Dictionary<string, object?> _variables = new(StringComparer.Ordinal);

    public object? this[string name]
    {
        get
        {
            for (var scope = this; scope is not null; scope = scope._around)
            {
                if (scope._variables.TryGetValue(name, out var value))
                {
                    return value;
                }
            }

            return new Undefined(name);
        }
        set => _variables[name] = value;
    }

    private readonly Scope? _around = around;
}
