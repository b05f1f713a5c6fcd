using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>Jinja's filters: "value | name". Pure.</summary>
internal static class Filters
{
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "abs", "capitalize", "count", "d", "default", "first", "float", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "reject",
        "rejectattr", "replace", "reverse", "safe", "select", "selectattr", "string", "title", "tojson", "trim", "upper",
    };

    public static object? Apply(string name, object? value, CallArguments arguments, RenderBudget budget)
    {
        budget.Spend(value is string made ? made.Length : 1);
        switch (name)
        {
            case "default" or "d":
                return value is Undefined || (Values.IsTrue(arguments.Or(1, "boolean", false)) && !Values.IsTrue(value))
                    ? arguments.Or(0, "default_value", "")
                    : value;
            case "length" or "count":
                return value is string text ? text.EnumerateRunes().LongCount() : value is Mapping m ? m.Count : (long)Values.Items(value).Count;
            case "first":
                return Values.Items(value) is [var first, ..] ? first : new Undefined("the first item of nothing");
            case "last":
                return Values.Items(value) is [.., var last] ? last : new Undefined("the last item of nothing");
            case "list":
                return Listed(Values.Items(value), budget);
            case "reverse":
                return value is string forwards ? Join(Enumerable.Reverse(Values.Items(forwards)), "", budget) : Listed(Enumerable.Reverse(Values.Items(value)), budget);
            case "join":
                var attribute = arguments.Or(1, "attribute");
                return Join(
                    Values.Items(value).Select(item => attribute is null ? item : Renderer.MemberOf(item, attribute)),
                    Values.Text(arguments.Or(0, "d", ""), budget),
                    budget);
            case "items":
                return value is Undefined ? new List<object?>() : Methods.Call("items", value, arguments, budget);
            case "tojson":
                var indent = arguments.Or(0, "indent") is { } blanks ? Values.Integer(blanks, "indent") : (long?)null;
                return budget.Made(Json.Write(value, indent is { } n ? (int)Math.Clamp(n, 0, 100) : null, budget));
            case "map" or "select" or "reject" or "selectattr" or "rejectattr":
                return Each(name, Values.Items(value), arguments, budget);
            case "abs":
                return value is double number ? (object)Math.Abs(number) : Values.Integer(value, "what abs takes") is var whole && whole < 0 ? -whole : whole;
            case "int":
                return value is string digits ? Texts.ToNumber(digits, whole: true) : value is long ? value : (long)(Values.Number(value) ?? 0);
            case "float":
                return value is string decimals ? Texts.ToNumber(decimals, whole: false) : Values.Number(value) ?? 0;
            default:
                return budget.Made(OfText(name, Values.Text(value, budget), arguments, budget));
        }
    }

    public static string Join(IEnumerable<object?> items, string separator, RenderBudget budget)
    {
        var joined = new StringBuilder();
        var first = true;
        foreach (var item in items)
        {
            var text = Values.Text(item, budget);
            budget.Spend(text.Length + separator.Length);
            joined.Append(first ? "" : separator).Append(text);
            first = false;
        }

        return joined.ToString();
    }

    private static string OfText(string name, string text, CallArguments arguments, RenderBudget budget) => name switch
    {
        "trim" => Texts.Strip(text, arguments.Or(0, "chars") as string, left: true, right: true),
        "upper" => text.ToUpperInvariant(),
        "lower" => Characters.ToLower(text),
        "title" => Texts.Title(text),
        "capitalize" => Texts.Capitalize(text),
        "replace" => Texts.Replace(text, arguments.Text(0, "old"), Values.Text(arguments.Required(1, "new"), budget), budget),
        "indent" => Texts.Indent(
            text,
            (int)Math.Clamp(Values.Integer(arguments.Or(0, "width", 4L), "width"), 0, 1_000),
            Values.IsTrue(arguments.Or(1, "first", false)),
            Values.IsTrue(arguments.Or(2, "blank", false)),
            budget),
        _ => text,            // string, safe
    };

    /// <summary>map by attribute or filter; select and reject by test, of the item or of its attribute.</summary>
    private static List<object?> Each(string name, List<object?> items, CallArguments arguments, RenderBudget budget)
    {
        if (name == "map")
        {
            if (arguments.Or(int.MaxValue, "attribute") is { } attribute)
            {
                return Listed(items.Select(item => Renderer.MemberOf(item, attribute) is var value && value is Undefined
                    ? arguments.Or(int.MaxValue, "default", value) : value), budget);
            }

            var filter = arguments.Text(0, "filter");
            return Names.Contains(filter) ? Listed(items.Select(item => Apply(filter, item, arguments.From(1), budget)), budget)
                : throw new TemplateRenderException($"map does not know the filter \"{filter}\"");
        }

        var byAttribute = name.EndsWith("attr", StringComparison.Ordinal);
        var place = byAttribute ? 1 : 0;
        var test = arguments.Or(place, "test") is { } given ? given as string ?? "" : null;
        if (test is not null && !Tests.Names.Contains(test))
        {
            throw new TemplateRenderException($"{name} does not know the test \"{test}\"");
        }

        var wanted = name.StartsWith("select", StringComparison.Ordinal);
        return Listed(items.Where(item =>
        {
            var value = byAttribute ? Renderer.MemberOf(item, arguments.Text(0, "attribute")) : item;
            return wanted == (test is null ? Values.IsTrue(value) : Tests.Holds(test, value, arguments.From(place + 1), budget));
        }), budget);
    }

    private static List<object?> Listed(IEnumerable<object?> items, RenderBudget budget)
    {
        List<object?> list = [.. items];
        budget.Spend(list.Count);
        return list;
    }
}
