using System.Globalization;

namespace Serving.Tokenization.Templates;

/// <summary>
/// Reads operands: literals, variables, what follows them (members, calls) and filters and tests. Filters, tests, methods and functions that the
/// renderer does not have are refused here, when the template is loaded.
/// </summary>
/// <param name="macros">Names that the template defines as macros.</param>
/// <param name="expression">Reads a whole expression.</param>
/// <param name="tuple">Reads an expression, or several with commas.</param>
internal sealed class OperandParser(TemplateCursor cursor, IReadOnlySet<string> macros, Func<Expression> expression, Func<Expression> tuple)
{
    /// <summary>An operand without filters, as it stands behind a sign or a test.</summary>
    public Expression Read() => Postfix(Primary());

    private Expression Primary()
    {
        var token = cursor.Next();
        switch (token.Kind)
        {
            case TokenKind.String:
                var text = token.Text;
                while (cursor.Current.Kind == TokenKind.String)
                {
                    text += cursor.Next().Text;          // neighbouring strings are one, as in Python
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
                var inner = cursor.Current.Is(")") ? new ListLiteral([]) : tuple();
                cursor.Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new ListLiteral(cursor.Listed("]", expression));
            case TokenKind.Operator when token.Text == "{":
                return new DictionaryLiteral(cursor.Listed("}", () =>
                {
                    var key = expression();
                    cursor.Expect(":");
                    return (key, expression());
                }));
            default:
                throw Refuse(token);
        }
    }

    private Expression Postfix(Expression target)
    {
        while (true)
        {
            if (cursor.Take("."))
            {
                target = MemberOf(target);
            }
            else if (cursor.Take("["))
            {
                target = Subscript(target);
            }
            else if (cursor.Current.Is("("))
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
        var name = cursor.Current;
        if (name.Kind == TokenKind.Number && long.TryParse(name.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            cursor.Next();
            return new Item(target, new Literal(index));
        }

        cursor.ExpectName();
        if (!cursor.Current.Is("("))
        {
            return new Member(target, name.Text);
        }

        return Methods.Names.Contains(name.Text) ? new MethodCall(target, name.Text, CallArguments())
            : throw Unknown("method", name, Methods.Names);
    }

    private Expression Subscript(Expression target)
    {
        var from = cursor.Current.Is(":") ? null : expression();
        if (!cursor.Current.Is(":"))
        {
            cursor.Expect("]");
            return new Item(target, from!);
        }

        cursor.Expect(":");
        var to = cursor.Current.Is(":") || cursor.Current.Is("]") ? null : expression();
        var step = cursor.Take(":") && !cursor.Current.Is("]") ? expression() : null;
        cursor.Expect("]");
        return new Slice(target, from, to, step);
    }

    private FunctionCall Function(Expression target)
    {
        if (target is not Variable function)
        {
            throw cursor.Unexpected();
        }

        return Functions.Names.Contains(function.Name) || macros.Contains(function.Name) ? new FunctionCall(function.Name, CallArguments())
            : throw Unknown("function", cursor.Previous, Functions.Names);
    }

    private Arguments CallArguments()
    {
        cursor.Expect("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        _ = cursor.Listed(")", () =>
        {
            if (cursor.Current.Kind == TokenKind.Name && cursor.Following.Is("="))
            {
                var name = cursor.Next().Text;
                cursor.Expect("=");
                named.Add((name, expression()));
            }
            else
            {
                positional.Add(expression());
            }

            return true;
        });
        return new Arguments(positional, named);
    }

    /// <summary>What stands before it, filtered and tested.</summary>
    public Expression Filters(Expression target)
    {
        while (true)
        {
            if (cursor.Take("|"))
            {
                var name = cursor.Current;
                cursor.ExpectName();
                var arguments = cursor.Current.Is("(") ? CallArguments() : Arguments.None;
                target = Templates.Filters.Names.Contains(name.Text) ? new Filter(target, name.Text, arguments)
                    : throw Unknown("filter", name, Templates.Filters.Names);
            }
            else if (cursor.Take("is"))
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
        var negated = cursor.Take("not");
        var name = cursor.Next();
        if (!Tests.Names.Contains(name.Text) || name.Kind is not (TokenKind.Name or TokenKind.Operator))
        {
            throw Unknown("test", name, Tests.Names);
        }

        var arguments = cursor.Current.Is("(") ? CallArguments()
            : Tests.TakesArgument(name.Text) ? new Arguments([Read()], [])
            : Arguments.None;
        Expression test = new Test(target, name.Text, arguments);
        return negated ? new Unary("not", test) : test;
    }

    private static TemplateSyntaxException Refuse(TemplateToken token) => new($"{token} is not understood here", token.Position);

    private static TemplateSyntaxException Unknown(string kind, TemplateToken name, IEnumerable<string> known) =>
        new($"the {kind} {name} is not known; known are {string.Join(", ", known.Order(StringComparer.Ordinal))}", name.Position);
}
