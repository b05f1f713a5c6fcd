using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>The functions that the transformers library and Jinja give to a template.</summary>
internal static class Functions
{
    private const int MostNumbers = 100_000;

    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "dict", "namespace", "raise_exception", "range", "strftime_now",
    };

    public static object? Call(string name, CallArguments arguments, TimeProvider time, RenderBudget budget)
    {
        switch (name)
        {
            case "raise_exception":
                throw new TemplateRenderException($"it says: {Values.Text(arguments.Or(0, "message", ""), budget)}");
            case "strftime_now":
                return budget.Made(Date(arguments.Text(0, "format"), time.GetLocalNow()));
            case "range":
                return Range(arguments, budget);
            default:
                var mapping = new Mapping { IsNamespace = name == "namespace" };
                foreach (var (key, value) in (arguments.Or(0, "") as Mapping ?? Enumerable.Empty<KeyValuePair<string, object?>>()).Concat(arguments.Named))
                {
                    mapping[key] = value;
                }

                return mapping;
        }
    }

    private static List<object?> Range(CallArguments arguments, RenderBudget budget)
    {
        var first = Values.Integer(arguments.Required(0, "stop"), "an argument of range");
        var (start, stop) = arguments.Positional.Count > 1 ? (first, Values.Integer(arguments.Positional[1], "an argument of range")) : (0, first);
        var step = Values.Integer(arguments.Or(2, "step", 1L), "the step of range");
        var count = step == 0 ? throw new TemplateRenderException("the step of range is 0")
            : Math.Max(0, Math.Ceiling(((double)stop - start) / step));
        if (count > MostNumbers)
        {
            throw new TemplateRenderException($"a range of more than {MostNumbers} numbers");
        }

        budget.Spend((long)count);
        return [.. Enumerable.Range(0, (int)count).Select(i => (object?)(start + (i * step)))];
    }

    /// <summary>C's strftime, the directives that dates in prompts are written with.</summary>
    private static string Date(string format, DateTimeOffset now)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            var padded = format[++i] != '-' || i + 1 == format.Length;
            var directive = padded ? format[i] : format[++i];
            var part = directive switch
            {
                'Y' => "yyyy",
                'y' => "yy",
                'm' => padded ? "MM" : "%M",
                'd' => padded ? "dd" : "%d",
                'H' => padded ? "HH" : "%H",
                'I' => padded ? "hh" : "%h",
                'M' => padded ? "mm" : "%m",
                'S' => padded ? "ss" : "%s",
                'B' => "MMMM",
                'b' => "MMM",
                'A' => "dddd",
                'a' => "ddd",
                'p' => "tt",
                'F' => "yyyy-MM-dd",
                'T' => "HH:mm:ss",
                '%' => "\\%",
                _ => throw new TemplateRenderException($"strftime_now does not know %{directive}"),
            };
            text.Append(directive == '%' ? "%" : now.ToString(part, CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }
}
