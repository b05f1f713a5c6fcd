namespace Serving.Tokenization.Templates;

/// <summary>Where a parser stands in the tokens of a template. Not thread-safe.</summary>
internal sealed class TemplateCursor(List<TemplateToken> tokens)
{
    private const int MostNesting = 48;

    private int _at;
    private int _depth;

    public TemplateToken Current => tokens[_at];

    /// <summary>The token after the current one; the last is always <see cref="TokenKind.End"/>.</summary>
    public TemplateToken Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public TemplateToken Previous => tokens[_at - 1];

    public TemplateToken Next() => tokens[_at++];

    public bool Take(string text)
    {
        if (!Current.Is(text))
        {
            return false;
        }

        _at++;
        return true;
    }

    public void Expect(string text)
    {
        if (!Take(text))
        {
            throw new TemplateSyntaxException($"{Current} stands where \"{text}\" should", Current.Position);
        }
    }

    public string ExpectName() => Current.Kind == TokenKind.Name ? Next().Text : throw Unexpected();

    /// <summary>Items with commas between them, up to and with the closing bracket.</summary>
    public List<T> Listed<T>(string close, Func<T> parse)
    {
        var items = new List<T>();
        while (!Take(close))
        {
            items.Add(parse());
            if (!Take(","))
            {
                Expect(close);
                break;
            }
        }

        return items;
    }

    /// <summary>Guards the recursion of the parsers.</summary>
    public T Nested<T>(Func<T> parse)
    {
        if (++_depth > MostNesting)
        {
            throw new TemplateSyntaxException($"nested more than {MostNesting} deep", Current.Position);
        }

        var parsed = parse();
        _depth--;
        return parsed;
    }

    public TemplateSyntaxException Unexpected() => new($"{Current} is not understood here", Current.Position);
}
