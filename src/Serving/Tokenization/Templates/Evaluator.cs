using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>Evaluates expressions. Not thread-safe: it spends one rendering's budget.</summary>
internal sealed class Evaluator(RenderBudget budget, TimeProvider time, Func<string, CallArguments, string> callMacro)
{
    public bool IsTrue(Expression expression, Scope scope) => Values.IsTrue(Evaluate(expression, scope));

    public object? Evaluate(Expression expression, Scope scope)
    {
        budget.Enter();
        var value = expression switch
        {
            Literal literal => literal.Value,
            Variable variable => scope[variable.Name],
            Member member => Renderer.MemberOf(Evaluate(member.Target, scope), member.Name),
            Item item => Renderer.MemberOf(Evaluate(item.Target, scope), Evaluate(item.Index, scope)),
            Slice slice => Sliced(slice, scope),
            ListLiteral list => list.Items.Select(item => Evaluate(item, scope)).ToList(),
            DictionaryLiteral dictionary => Dictionary(dictionary, scope),
            Filter filter => Filters.Apply(filter.Name, Evaluate(filter.Target, scope), Call($"filter {filter.Name}", filter.Arguments, scope), budget),
            Test test => Tests.Holds(test.Name, Evaluate(test.Target, scope), Call($"test {test.Name}", test.Arguments, scope), budget),
            MethodCall call => Methods.Call(call.Name, Evaluate(call.Target, scope), Call($"method {call.Name}", call.Arguments, scope), budget),
            FunctionCall call when Functions.Names.Contains(call.Name) =>
                Functions.Call(call.Name, Call($"function {call.Name}", call.Arguments, scope), time, budget),
            FunctionCall call => callMacro(call.Name, Call($"macro {call.Name}", call.Arguments, scope)),
            Unary unary => Signed(unary, scope),
            Binary binary => Combined(binary, scope),
            Conditional conditional => IsTrue(conditional.Condition, scope) ? Evaluate(conditional.Value, scope)
                : conditional.Otherwise is null ? new Undefined("an if without else")
                : Evaluate(conditional.Otherwise, scope),
            _ => throw new TemplateRenderException("an expression of no known kind"),
        };
        budget.Leave();
        return value;
    }

    private CallArguments Call(string callee, Arguments arguments, Scope scope) => new(
        callee,
        [.. arguments.Positional.Select(argument => Evaluate(argument, scope))],
        arguments.Named.Count == 0 ? System.Collections.Frozen.FrozenDictionary<string, object?>.Empty
            : arguments.Named.DistinctBy(pair => pair.Name).ToDictionary(pair => pair.Name, pair => Evaluate(pair.Value, scope), StringComparer.Ordinal));

    private Mapping Dictionary(DictionaryLiteral dictionary, Scope scope)
    {
        var mapping = new Mapping();
        foreach (var (key, value) in dictionary.Entries)
        {
            mapping[Evaluate(key, scope) as string ?? throw new TemplateRenderException("a key of a mapping must be a text")] = Evaluate(value, scope);
        }

        return mapping;
    }

    private object? Sliced(Slice slice, Scope scope)
    {
        var target = Evaluate(slice.Target, scope);
        if (target is string text)
        {
            Rune[] characters = [.. text.EnumerateRunes()];
            var part = new StringBuilder();
            foreach (var place in Places(slice, characters.Length, scope))
            {
                part.Append(characters[place]);
            }

            return budget.Made(part.ToString());
        }

        var items = target as List<object?> ?? throw new TemplateRenderException($"{Values.Kind(target)} cannot be sliced");
        List<object?> taken = [.. Places(slice, items.Count, scope).Select(place => items[place])];
        budget.Spend(taken.Count);
        return taken;
    }

    /// <summary>Python's rule: bounds count from the end when they are negative, and are then cut to the list.</summary>
    private IEnumerable<int> Places(Slice slice, int count, Scope scope)
    {
        var step = Bound(slice.Step, scope) ?? 1;
        if (step == 0)
        {
            throw new TemplateRenderException("the step of a slice is 0");
        }

        var (low, high) = step > 0 ? (0, (long)count) : (-1, count - 1L);
        var from = Place(Bound(slice.From, scope), step > 0 ? low : high);
        var to = Place(Bound(slice.To, scope), step > 0 ? high : low);
        for (var i = from; step > 0 ? i < to : i > to; i += step)
        {
            yield return (int)i;
        }

        long Place(long? bound, long absent) => bound is not { } b ? absent : Math.Clamp(b < 0 ? b + count : b, low, high);
    }

    private long? Bound(Expression? bound, Scope scope) =>
        bound is not null && Evaluate(bound, scope) is { } value ? Math.Clamp(Values.Integer(value, "the bound of a slice"), int.MinValue, int.MaxValue) : null;

    private object Signed(Unary unary, Scope scope)
    {
        var operand = Evaluate(unary.Operand, scope);
        if (unary.Operator == "not")
        {
            return !Values.IsTrue(operand);
        }

        var sign = unary.Operator == "-" ? -1 : 1;
        return operand is double number ? (object)(sign * number) : sign * Values.Integer(operand, "a signed value");
    }

    private object? Combined(Binary binary, Scope scope)
    {
        var left = Evaluate(binary.Left, scope);
        switch (binary.Operator)
        {
            case "and":
                return Values.IsTrue(left) ? Evaluate(binary.Right, scope) : left;
            case "or":
                return Values.IsTrue(left) ? left : Evaluate(binary.Right, scope);
        }

        var right = Evaluate(binary.Right, scope);
        return binary.Operator switch
        {
            "==" => Values.Same(left, right, budget),
            "!=" => !Values.Same(left, right, budget),
            "<" => Values.Compare(left, right) < 0,
            "<=" => Values.Compare(left, right) <= 0,
            ">" => Values.Compare(left, right) > 0,
            ">=" => Values.Compare(left, right) >= 0,
            "in" => Values.Contains(right, left, budget),
            "not in" => !Values.Contains(right, left, budget),
            "~" => budget.Made(Values.Text(left, budget) + Values.Text(right, budget)),
            "+" when (left, right) is (string a, string b) => budget.Made(a + b),
            "+" when (left, right) is (List<object?> a, List<object?> b) => Joined(a, b),
            "*" when (left, right) is (string text, long times) => Repeated(text, times),
            _ => Arithmetic(binary.Operator, left, right),
        };
    }

    private List<object?> Joined(List<object?> a, List<object?> b)
    {
        budget.Spend(a.Count + b.Count);
        return [.. a, .. b];
    }

    private string Repeated(string text, long times)
    {
        times = Math.Clamp(times, 0, int.MaxValue);
        budget.Spend(text.Length * times);
        return string.Concat(Enumerable.Repeat(text, (int)times));
    }

    private static object Arithmetic(string name, object? left, object? right)
    {
        if (Values.Number(left) is not { } a || Values.Number(right) is not { } b)
        {
            throw new TemplateRenderException($"\"{name}\" cannot be used on {Values.Kind(left)} and {Values.Kind(right)}");
        }

        if (name is "/" or "//" or "%" && b == 0)
        {
            throw new TemplateRenderException($"\"{name}\" by 0");
        }

        if (left is double || right is double || name is "/" or "**")
        {
            var result = name switch
            {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                "//" => Math.Floor(a / b),
                "%" => a - (b * Math.Floor(a / b)),
                _ => Math.Pow(a, b),
            };
            return name == "**" && left is not double && right is not double && Math.Abs(result) < 1L << 53 && double.IsInteger(result)
                ? (object)(long)result
                : result;
        }

        var (x, y) = (Values.Integer(left, "a number"), Values.Integer(right, "a number"));
        return name switch          // of whole numbers
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "//" => y == -1 ? -x : (x / y) - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0),
            _ => y == -1 ? 0 : ((x % y) + y) % y,
        };
    }
}
