using System.Collections;
using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>A name that nothing was given to. Prints as nothing and counts as false; anything else done with it is an error.</summary>
internal sealed record Undefined(string Name);

/// <summary>A function, as a value: it is defined, and that is all that a template may ask of it without calling it.</summary>
internal sealed record Callable(string Name);

/// <summary>A mapping in order of insertion; also namespace(), the one kind whose members a template may set.</summary>
internal sealed class Mapping : OrderedDictionary<string, object?>
{
    public Mapping()
        : base(StringComparer.Ordinal)
    {
    }

    public bool IsNamespace { get; init; }
}

/// <summary>
/// The values of a template are null, bool, long, double, string, List&lt;object?&gt;, <see cref="Mapping"/>, <see cref="Undefined"/> and
/// <see cref="Callable"/>; here is what Python, which Jinja is written in, does with them. Pure.
/// </summary>
internal static class Values
{
    /// <summary>Each becomes a value of its own, thirty times as large.</summary>
    private const int MostCharacters = 100_000;

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        ICollection items => items.Count > 0,
        _ => true,
    };

    /// <summary>Python's str().</summary>
    public static string Text(object? value, RenderBudget budget) => value is string text ? text : value is Undefined ? "" : Quoted(value, budget);

    /// <summary>Python's repr().</summary>
    private static string Quoted(object? value, RenderBudget budget)
    {
        budget.Enter();
        var quoted = budget.Made(QuotedOnce(value, budget));
        budget.Leave();
        return quoted;
    }

    private static string QuotedOnce(object? value, RenderBudget budget)
    {
        switch (value)
        {
            case null:
                return "None";
            case bool flag:
                return flag ? "True" : "False";
            case long number:
                return number.ToString(CultureInfo.InvariantCulture);
            case double number:
                var digits = number.ToString("R", CultureInfo.InvariantCulture);
                return double.IsInteger(number) && !digits.Contains('E', StringComparison.Ordinal) ? digits + ".0" : digits.Replace("E", "e", StringComparison.Ordinal);
            case string text:
                var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
                var quoted = new StringBuilder().Append(quote);
                foreach (var c in text)
                {
                    quoted.Append(c switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", '\\' => "\\\\", _ => c == quote ? $"\\{c}" : c.ToString() });
                }

                return quoted.Append(quote).ToString();
            case List<object?> items:
                return $"[{string.Join(", ", items.Select(item => Quoted(item, budget)))}]";
            case Mapping mapping:
                return $"{{{string.Join(", ", mapping.Select(entry => $"{Quoted(entry.Key, budget)}: {Quoted(entry.Value, budget)}"))}}}";
            default:
                return value is Callable function ? $"<function {function.Name}>" : "Undefined";
        }
    }

    public static bool Same(object? a, object? b, RenderBudget budget)
    {
        budget.Enter();
        var same = (a, b) switch
        {
            (string x, string y) => x == y,
            (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(pair => Same(pair.First, pair.Second, budget)),
            (Mapping x, Mapping y) => ReferenceEquals(x, y)
                || (x.Count == y.Count && x.All(entry => y.TryGetValue(entry.Key, out var other) && Same(entry.Value, other, budget))),
            (null, null) or (Undefined, Undefined) => true,
            _ => Number(a) is { } m && Number(b) is { } n && m == n,
        };
        budget.Leave();
        return same;
    }

    public static int Compare(object? a, object? b) => (a, b) switch
    {
        (string x, string y) => string.CompareOrdinal(x, y),
        _ when Number(a) is { } m && Number(b) is { } n => m.CompareTo(n),
        _ => throw new TemplateRenderException($"{Kind(a)} and {Kind(b)} cannot be compared"),
    };

    public static bool Contains(object? container, object? item, RenderBudget budget) => container switch
    {
        string text when item is string part => text.Contains(part, StringComparison.Ordinal),
        List<object?> items => items.Any(other => Same(other, item, budget)),
        Mapping mapping => item is string key && mapping.ContainsKey(key),
        Undefined => false,
        _ => throw new TemplateRenderException($"\"in\" needs a list, a mapping or a text, not {Kind(container)}"),
    };

    /// <summary>A bool counts as 0 or 1.</summary>
    public static double? Number(object? value) => value switch
    {
        long number => number,
        double number => number,
        bool flag => flag ? 1 : 0,
        _ => null,
    };

    public static long Integer(object? value, string what) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => throw new TemplateRenderException($"{what} must be a whole number, not {Kind(value)}"),
    };

    /// <summary>What a loop runs over: items, keys of a mapping, characters of a text; nothing for what is undefined.</summary>
    public static List<object?> Items(object? value) => value switch
    {
        List<object?> items => items,
        Mapping mapping => [.. mapping.Keys],
        string { Length: > MostCharacters } => throw new TemplateRenderException($"a text of more than {MostCharacters} characters is not taken apart"),
        string text => [.. text.EnumerateRunes().Select(c => (object?)c.ToString())],
        Undefined => [],
        _ => throw new TemplateRenderException($"{Kind(value)} has no items"),
    };

    public static string Kind(object? value) => value switch
    {
        null => "none",
        bool => "a boolean",
        long or double => "a number",
        string => "a text",
        List<object?> => "a list",
        Mapping => "a mapping",
        Undefined undefined => $"\"{undefined.Name}\", which is undefined,",
        _ => "a value",
    };
}
