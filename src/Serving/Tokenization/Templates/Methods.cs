namespace Serving.Tokenization.Templates;

/// <summary>The methods of Python's texts and mappings that templates call. Pure.</summary>
internal static class Methods
{
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "capitalize", "count", "endswith", "find", "get", "items", "join", "keys", "lower", "lstrip", "replace", "rstrip", "split", "splitlines", "startswith",
        "strip", "title", "upper", "values",
    };

    public static object? Call(string name, object? target, CallArguments arguments, RenderBudget budget) => target switch
    {
        string text => OfText(name, text, arguments, budget),
        Mapping mapping => OfMapping(name, mapping, arguments, budget),
        _ => throw Missing(name, target),
    };

    private static object? OfText(string name, string text, CallArguments arguments, RenderBudget budget)
    {
        budget.Spend(text.Length);
        switch (name)
        {
            case "strip" or "lstrip" or "rstrip":
                return Texts.Strip(text, arguments.Or(0, "chars") as string, name != "rstrip", name != "lstrip");
            case "upper":
                return text.ToUpperInvariant();
            case "lower":
                return Characters.ToLower(text);
            case "title":
                return Texts.Title(text);
            case "capitalize":
                return Texts.Capitalize(text);
            case "startswith" or "endswith":
                var affix = arguments.Required(0, "prefix");
                var affixes = affix as List<object?> ?? [affix];
                return affixes.Any(one => one is string s
                    && (name == "startswith" ? text.StartsWith(s, StringComparison.Ordinal) : text.EndsWith(s, StringComparison.Ordinal)));
            case "split":
                return Texts.Split(text, arguments.Or(0, "sep") as string, Values.Integer(arguments.Or(1, "maxsplit", -1L), "maxsplit"));
            case "splitlines":
                return Texts.Split(text.EndsWith('\n') ? text[..^1] : text, "\n", text.Length == 0 ? 0 : -1);
            case "replace":
                return Texts.Replace(text, arguments.Text(0, "old"), arguments.Text(1, "new"), budget);
            case "find":
                return (long)text.IndexOf(arguments.Text(0, "sub"), StringComparison.Ordinal);
            case "count":
                return (long)(Texts.Split(text, arguments.Text(0, "sub"), -1).Count - 1);
            case "join":
                return Filters.Join(Values.Items(arguments.Required(0, "iterable")), text, budget);
            default:
                throw Missing(name, text);
        }
    }

    private static object? OfMapping(string name, Mapping mapping, CallArguments arguments, RenderBudget budget)
    {
        budget.Spend(mapping.Count);
        return name switch
        {
            "items" => mapping.Select(entry => (object?)new List<object?> { entry.Key, entry.Value }).ToList(),
            "keys" => mapping.Keys.Select(key => (object?)key).ToList(),
            "values" => mapping.Values.ToList(),
            "get" => arguments.Required(0, "key") is string key && mapping.TryGetValue(key, out var value) ? value : arguments.Or(1, "default"),
            _ => throw Missing(name, mapping),
        };
    }

    private static TemplateRenderException Missing(string name, object? target) => new($"{Values.Kind(target)} has no method {name}");
}
