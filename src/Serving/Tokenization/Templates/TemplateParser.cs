namespace Serving.Tokenization.Templates;

/// <summary>Reads the statements of a template.</summary>
internal sealed class TemplateParser
{
    /// <summary>Ten times the longest published one.</summary>
    private const int MostCharacters = 1 << 18;

    private const string Tags = "break, continue, elif, else, for, generation, if, macro and set";

    private readonly TemplateCursor _cursor;
    private readonly ExpressionParser _expressions;
    private int _loops;

    private TemplateParser(List<TemplateToken> tokens)
    {
        _cursor = new TemplateCursor(tokens);

        // Taken from the whole template beforehand: macros may call those that follow.
        _expressions = new ExpressionParser(
            _cursor,
            tokens.Zip(tokens.Skip(1)).Where(pair => pair.First.Is("macro") && pair.Second.Kind == TokenKind.Name).Select(pair => pair.Second.Text).ToHashSet());
    }

    private TemplateToken Current => _cursor.Current;

    /// <exception cref="TemplateSyntaxException">A construct is not understood.</exception>
    public static IReadOnlyList<Statement> Parse(string template)
    {
        if (template.Length > MostCharacters)
        {
            throw new TemplateSyntaxException($"the template is longer than {MostCharacters} characters", 0);
        }

        var parser = new TemplateParser(TemplateLexer.Read(template.ReplaceLineEndings("\n")));
        var body = parser.Body([]);
        return parser.Current.Kind == TokenKind.End ? body : throw parser._cursor.Unexpected();
    }

    /// <summary>Statements up to a tag that begins with one of <paramref name="ends"/>, of which the opening mark and the name are then read.</summary>
    private List<Statement> Body(string[] ends)
    {
        var body = new List<Statement>();
        while (true)
        {
            var token = Current;
            switch (token.Kind)
            {
                case TokenKind.Text:
                    _cursor.Next();
                    body.Add(new TextOutput(token.Text));
                    break;
                case TokenKind.BeginOutput:
                    _cursor.Next();
                    body.Add(new Output(_expressions.Tuple()));
                    Close(TokenKind.EndOutput);
                    break;
                case TokenKind.BeginTag:
                    _cursor.Next();
                    if (ends.Contains(Current.Text))
                    {
                        return body;
                    }

                    Tag(body);
                    break;
                default:
                    return ends.Length == 0 ? body : throw new TemplateSyntaxException($"{{% {ends[^1]} %}} is missing", token.Position);
            }
        }
    }

    private void Tag(List<Statement> body)
    {
        var name = Current;
        _cursor.ExpectName();
        switch (name.Text)
        {
            case "if":
                body.Add(_cursor.Nested(ReadIf));
                break;
            case "for":
                body.Add(_cursor.Nested(ReadFor));
                break;
            case "set":
                body.Add(_cursor.Nested(ReadSet));
                break;
            case "macro":
                body.Add(_cursor.Nested(ReadMacro));
                break;
            case "generation":
                // Marks the assistant's part for training; the text is the same without it.
                CloseTag();
                body.AddRange(_cursor.Nested(() => Body(["endgeneration"])));
                End();
                break;
            case "break" or "continue":
                body.Add(_loops > 0 ? new Leave(name.Text == "break") : throw new TemplateSyntaxException($"{name} stands outside a loop", name.Position));
                CloseTag();
                break;
            default:
                throw new TemplateSyntaxException($"the tag {{% {name.Text} %}} is not known; known are {Tags}", name.Position);
        }
    }

    private If ReadIf()
    {
        var branches = new List<(Expression?, IReadOnlyList<Statement>)>();
        var condition = _expressions.Tuple();
        CloseTag();
        while (true)
        {
            branches.Add((condition, Body(["elif", "else", "endif"])));
            var end = _cursor.Next().Text;
            if (end == "elif")
            {
                condition = _expressions.Tuple();
                CloseTag();
                continue;
            }

            CloseTag();
            if (end == "else")
            {
                branches.Add((null, Body(["endif"])));
                End();
            }

            return new If(branches);
        }
    }

    private For ReadFor()
    {
        var targets = Names();
        _cursor.Expect("in");
        var items = _expressions.Or();
        var filter = _cursor.Take("if") ? _expressions.Expression() : null;
        if (Current.Is("recursive"))
        {
            throw _cursor.Unexpected();
        }

        CloseTag();
        _loops++;
        var body = Body(["else", "endfor"]);
        _loops--;
        IReadOnlyList<Statement> otherwise = [];
        if (_cursor.Next().Text == "else")
        {
            CloseTag();
            otherwise = Body(["endfor"]);
            _cursor.Next();
        }

        CloseTag();
        return new For(targets, items, filter, body, otherwise);
    }

    private Statement ReadSet()
    {
        var names = Names();
        string? member = null;
        if (names.Count == 1 && _cursor.Take("."))
        {
            member = _cursor.ExpectName();
        }

        if (_cursor.Take("="))
        {
            var value = _expressions.Tuple();
            CloseTag();
            return new Set(names, member, value);
        }

        if (member is not null || names.Count != 1 || Current.Kind != TokenKind.EndTag)
        {
            throw _cursor.Unexpected();
        }

        CloseTag();
        var block = new SetBlock(names[0], Body(["endset"]));
        End();
        return block;
    }

    private Macro ReadMacro()
    {
        var name = _cursor.ExpectName();
        var parameters = new List<(string, Expression?)>();
        _cursor.Expect("(");
        while (!_cursor.Take(")"))
        {
            var parameter = _cursor.ExpectName();
            parameters.Add((parameter, _cursor.Take("=") ? _expressions.Expression() : null));
            if (!Current.Is(")"))
            {
                _cursor.Expect(",");
            }
        }

        CloseTag();
        var loops = _loops;
        _loops = 0;
        var macro = new Macro(name, parameters, Body(["endmacro"]));
        _loops = loops;
        End();
        return macro;
    }

    /// <summary>a, or a, b, or (a, b).</summary>
    private List<string> Names()
    {
        var bracketed = _cursor.Take("(");
        List<string> names = [_cursor.ExpectName()];
        while (_cursor.Take(","))
        {
            names.Add(_cursor.ExpectName());
        }

        if (bracketed)
        {
            _cursor.Expect(")");
        }

        return names;
    }

    /// <summary>The name of an end tag, and its close.</summary>
    private void End()
    {
        _cursor.Next();
        CloseTag();
    }

    private void CloseTag() => Close(TokenKind.EndTag);

    private void Close(TokenKind kind)
    {
        if (Current.Kind != kind)
        {
            throw _cursor.Unexpected();
        }

        _cursor.Next();
    }
}
