using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>The tojson filter as the transformers library defines it: Python's json.dumps, other than ASCII kept. Pure.</summary>
internal static class Json
{
    /// <param name="indent">Blanks a level; null for one line.</param>
    public static string Write(object? value, int? indent, RenderBudget budget)
    {
        var text = new StringBuilder();
        Write(text, value, indent, 1, budget);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value, int? indent, int level, RenderBudget budget)
    {
        budget.Enter();
        budget.Spend((indent ?? 0) * level);
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case bool flag:
                text.Append(flag ? "true" : "false");
                break;
            case string words:
                Quote(text, words, budget);
                break;
            case List<object?> items:
                Bracketed(text, '[', ']', items, item => Write(text, item, indent, level + 1, budget), indent, level);
                break;
            case Mapping mapping:
                Bracketed(text, '{', '}', mapping, entry =>
                {
                    Quote(text, entry.Key, budget);
                    text.Append(": ");
                    Write(text, entry.Value, indent, level + 1, budget);
                }, indent, level);
                break;
            case long or double:
                text.Append(Values.Text(value, budget));
                break;
            default:
                throw new TemplateRenderException($"tojson cannot write {Values.Kind(value)}");
        }

        budget.Leave();
    }

    private static void Bracketed<T>(StringBuilder text, char open, char close, ICollection<T> items, Action<T> write, int? indent, int level)
    {
        text.Append(open);
        var first = true;
        foreach (var item in items)
        {
            text.Append(first ? "" : indent is null ? ", " : ",");
            Line(text, indent, level);
            write(item);
            first = false;
        }

        if (!first)
        {
            Line(text, indent, level - 1);
        }

        text.Append(close);
    }

    private static void Line(StringBuilder text, int? indent, int level)
    {
        if (indent is { } blanks)
        {
            text.Append('\n').Append(' ', blanks * level);
        }
    }

    private static void Quote(StringBuilder text, string words, RenderBudget budget)
    {
        budget.Spend(words.Length);
        text.Append('"');
        foreach (var c in words)
        {
            switch (c)
            {
                case '"' or '\\':
                    text.Append('\\').Append(c);
                    break;
                case '\n':
                    text.Append("\\n");
                    break;
                case '\r':
                    text.Append("\\r");
                    break;
                case '\t':
                    text.Append("\\t");
                    break;
                case '\b':
                    text.Append("\\b");
                    break;
                case '\f':
                    text.Append("\\f");
                    break;
                case < ' ':
                    text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }

        text.Append('"');
    }
}
