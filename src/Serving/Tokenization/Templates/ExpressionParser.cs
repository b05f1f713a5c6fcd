namespace Serving.Tokenization.Templates;

/// <summary>Reads expressions by Jinja's grammar and precedence, from inline if down to signs; the rest is <see cref="OperandParser"/>'s.</summary>
internal sealed class ExpressionParser
{
    private readonly TemplateCursor _cursor;
    private readonly OperandParser _operands;

    /// <param name="macros">Names that the template defines as macros.</param>
    public ExpressionParser(TemplateCursor cursor, IReadOnlySet<string> macros)
    {
        _cursor = cursor;
        _operands = new OperandParser(cursor, macros, Expression, Tuple);
    }

    public Expression Expression() => _cursor.Nested(() =>
    {
        var value = Or();
        while (_cursor.Take("if"))
        {
            var condition = Or();
            value = new Conditional(condition, value, _cursor.Take("else") ? Expression() : null);
        }

        return value;
    });

    /// <summary>An expression without inline if: what a loop runs over, before its filter.</summary>
    public Expression Or()
    {
        var left = And();
        while (_cursor.Take("or"))
        {
            left = new Binary("or", left, And());
        }

        return left;
    }

    private Expression And()
    {
        var left = Not();
        while (_cursor.Take("and"))
        {
            left = new Binary("and", left, Not());
        }

        return left;
    }

    private Expression Not() => _cursor.Take("not") ? _cursor.Nested<Expression>(() => new Unary("not", Not())) : Comparison();

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
        if (_cursor.Current.Is("not") && _cursor.Following.Is("in"))
        {
            _cursor.Next();
            _cursor.Next();
            return "not in";
        }

        return _cursor.Current.Kind is TokenKind.Operator or TokenKind.Name && _cursor.Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=" or "in" ? _cursor.Next().Text : null;
    }

    private Expression Sum() => LeftToRight(Concatenation, "+", "-");

    private Expression Concatenation() => LeftToRight(Product, "~");

    private Expression Product() => LeftToRight(Power, "*", "/", "//", "%");

    private Expression Power() => LeftToRight(Sign, "**");

    private Expression LeftToRight(Func<Expression> operand, params ReadOnlySpan<string> operators)
    {
        var left = operand();
        while (_cursor.Current.Kind == TokenKind.Operator && operators.Contains(_cursor.Current.Text))
        {
            left = new Binary(_cursor.Next().Text, left, operand());
        }

        return left;
    }

    private Expression Sign(bool filters = true)
    {
        if (_cursor.Current.Kind == TokenKind.Operator && _cursor.Current.Text is "-" or "+")
        {
            var sign = _cursor.Next().Text;
            Expression signed = new Unary(sign, _cursor.Nested(() => Sign(filters: false)));
            return filters ? _operands.Filters(signed) : signed;
        }

        var primary = _operands.Read();
        return filters ? _operands.Filters(primary) : primary;
    }

    private Expression Sign() => Sign(filters: true);

    /// <summary>One expression, or several with commas: a tuple.</summary>
    public Expression Tuple()
    {
        var first = Expression();
        if (!_cursor.Current.Is(","))
        {
            return first;
        }

        List<Expression> items = [first];
        while (_cursor.Take(",") && !_cursor.Current.Is(")") && _cursor.Current.Kind is not (TokenKind.EndTag or TokenKind.EndOutput))
        {
            items.Add(Expression());
        }

        return new ListLiteral(items);
    }
}
