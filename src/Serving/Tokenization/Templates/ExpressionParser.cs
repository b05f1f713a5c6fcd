using System.Globalization;

namespace Serving.Tokenization.Templates;

/// <summary>
/// Reads expressions by Jinja's grammar and precedence. Filters, tests, methods and functions that the renderer does not have are refused here, when
/// the template is loaded.
/// </summary>
internal sealed class ExpressionParser(List<TemplateToken> tokens)
{
    private const int MostNesting = 48;

    private readonly HashSet<string> _macros = new(StringComparer.Ordinal);
    private int _depth;

    public int At { get; set; }

    public TemplateToken Current => tokens[At];

    /// <summary>A macro's name may be called from its definition on.</summary>
    public void Declare(string macro) => _macros.Add(macro);

    public TemplateToken Next() => tokens[At++];

    public bool Take(string text)
    {
        if (!Current.Is(text))
        {
            return false;
        }

        At++;
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

    public TemplateSyntaxException Unexpected() => new($"{Current} is not understood here", Current.Position);

    /// <summary>Guards the recursion of this parser.</summary>
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

    public Expression Expression() => Nested(() =>
    {
        var value = Or();
        while (Take("if"))
        {
            var condition = Or();
            value = new Conditional(condition, value, Take("else") ? Expression() : null);
        }

        return value;
    });

    /// <summary>An expression without inline if: what a loop runs over, before its filter.</summary>
    public Expression Or()
    {
        var left = And();
        while (Take("or"))
        {
            left = new Binary("or", left, And());
        }

        return left;
    }

    private Expression And()
    {
        var left = Not();
        while (Take("and"))
        {
            left = new Binary("and", left, Not());
        }

        return left;
    }

    private Expression Not() => Take("not") ? Nested<Expression>(() => new Unary("not", Not())) : Comparison();

    private Expression Comparison()
    {
        var left = Sum();
        Expression? all = null;
        while (Comparator() is { } comparator)
        {
            // a < b < c compares neighbours.
            var right = Sum();
            Expression one = new Binary(comparator, left, right);
            all = all is null ? one : new Binary("and", all, one);
            left = right;
        }

        return all ?? left;
    }

    private string? Comparator()
    {
        if (Current.Is("not") && tokens[At + 1].Is("in"))
        {
            At += 2;
            return "not in";
        }

        return Current.Kind is TokenKind.Operator or TokenKind.Name && Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=" or "in" ? Next().Text : null;
    }

    private Expression Sum() => LeftToRight(Concatenation, "+", "-");

    private Expression Concatenation() => LeftToRight(Product, "~");

    private Expression Product() => LeftToRight(Power, "*", "/", "//", "%");

    private Expression Power() => LeftToRight(Sign, "**");

    private Expression LeftToRight(Func<Expression> operand, params ReadOnlySpan<string> operators)
    {
        var left = operand();
        while (Current.Kind == TokenKind.Operator && operators.Contains(Current.Text))
        {
            left = new Binary(Next().Text, left, operand());
        }

        return left;
    }

    private Expression Sign(bool filters = true)
    {
        if (Current.Kind == TokenKind.Operator && Current.Text is "-" or "+")
        {
            var sign = Next().Text;
            Expression signed = new Unary(sign, Nested(() => Sign(filters: false)));
            return filters ? Filters(signed) : signed;
        }

        var primary = Postfix(Primary());
        return filters ? Filters(primary) : primary;
    }

    private Expression Sign() => Sign(filters: true);

    private Expression Primary()
    {
        var token = Next();
        switch (token.Kind)
        {
            case TokenKind.String:
                var text = token.Text;
                while (Current.Kind == TokenKind.String)
                {
                    text += Next().Text;          // neighbouring strings are one, as in Python
                }

                return new Literal(text);
            case TokenKind.Number:
                return long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? new Literal(whole)
                    : new Literal(double.Parse(token.Text, CultureInfo.InvariantCulture));
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Literal(true),
                    "false" or "False" => new Literal(false),
                    "none" or "None" => new Literal(null),
                    "if" or "else" or "and" or "or" or "not" or "in" or "is" => throw Refuse(token),
                    _ => new Variable(token.Text),
                };
            case TokenKind.Operator when token.Text == "(":
                var inner = Current.Is(")") ? new ListLiteral([]) : Tuple();
                Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new ListLiteral(Listed("]", Expression));
            case TokenKind.Operator when token.Text == "{":
                return new DictionaryLiteral(Listed("}", () =>
                {
                    var key = Expression();
                    Expect(":");
                    return (key, Expression());
                }));
            default:
                throw Refuse(token);
        }
    }

    /// <summary>One expression, or several with commas: a tuple.</summary>
    public Expression Tuple()
    {
        var first = Expression();
        if (!Current.Is(","))
        {
            return first;
        }

        List<Expression> items = [first];
        while (Take(",") && !Current.Is(")") && Current.Kind is not (TokenKind.EndTag or TokenKind.EndOutput))
        {
            items.Add(Expression());
        }

        return new ListLiteral(items);
    }

    private List<T> Listed<T>(string close, Func<T> parse)
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

    private Expression Postfix(Expression target)
    {
        while (true)
        {
            if (Take("."))
            {
                target = MemberOf(target);
            }
            else if (Take("["))
            {
                target = Subscript(target);
            }
            else if (Current.Is("("))
            {
                target = Function(target);
            }
            else
            {
                return target;
            }
        }
    }

    private Expression MemberOf(Expression target)
    {
        var name = Current;
        if (name.Kind == TokenKind.Number && !name.Text.Contains('.', StringComparison.Ordinal))
        {
            At++;
            return new Item(target, new Literal(long.Parse(name.Text, CultureInfo.InvariantCulture)));
        }

        ExpectName();
        if (!Current.Is("("))
        {
            return new Member(target, name.Text);
        }

        return Methods.Names.Contains(name.Text) ? new MethodCall(target, name.Text, CallArguments())
            : throw Unknown("method", name, Methods.Names);
    }

    private Expression Subscript(Expression target)
    {
        var from = Current.Is(":") ? null : Expression();
        if (!Current.Is(":"))
        {
            Expect("]");
            return new Item(target, from!);
        }

        Expect(":");
        var to = Current.Is(":") || Current.Is("]") ? null : Expression();
        var step = Take(":") && !Current.Is("]") ? Expression() : null;
        Expect("]");
        return new Slice(target, from, to, step);
    }

    private FunctionCall Function(Expression target)
    {
        if (target is not Variable function)
        {
            throw Unexpected();
        }

        return Functions.Names.Contains(function.Name) || _macros.Contains(function.Name) ? new FunctionCall(function.Name, CallArguments())
            : throw Unknown("function", tokens[At - 1], Functions.Names);
    }

    private Arguments CallArguments()
    {
        Expect("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        _ = Listed(")", () =>
        {
            if (Current.Kind == TokenKind.Name && tokens[At + 1].Is("="))
            {
                var name = Next().Text;
                Expect("=");
                named.Add((name, Expression()));
            }
            else
            {
                positional.Add(Expression());
            }

            return true;
        });
        return new Arguments(positional, named);
    }

    private Expression Filters(Expression target)
    {
        while (true)
        {
            if (Take("|"))
            {
                var name = Current;
                ExpectName();
                var arguments = Current.Is("(") ? CallArguments() : Arguments.None;
                target = Templates.Filters.Names.Contains(name.Text) ? new Filter(target, name.Text, arguments)
                    : throw Unknown("filter", name, Templates.Filters.Names);
            }
            else if (Take("is"))
            {
                target = TestOf(target);
            }
            else
            {
                return target;
            }
        }
    }

    private Expression TestOf(Expression target)
    {
        var negated = Take("not");
        var name = Next();
        if (!Tests.Names.Contains(name.Text) || name.Kind is not (TokenKind.Name or TokenKind.Operator))
        {
            throw Unknown("test", name, Tests.Names);
        }

        var arguments = Current.Is("(") ? CallArguments()
            : Tests.TakesArgument(name.Text) ? new Arguments([Postfix(Primary())], [])
            : Arguments.None;
        Expression test = new Test(target, name.Text, arguments);
        return negated ? new Unary("not", test) : test;
    }

    private static TemplateSyntaxException Refuse(TemplateToken token) => new($"{token} is not understood here", token.Position);

    private static TemplateSyntaxException Unknown(string kind, TemplateToken name, IEnumerable<string> known) =>
        new($"the {kind} {name} is not known; known are {string.Join(", ", known.Order(StringComparer.Ordinal))}", name.Position);
}
