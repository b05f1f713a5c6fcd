using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>Runs the statements of a template once. Not thread-safe.</summary>
internal sealed class Renderer
{
    private readonly Scope _globals;
    private readonly Dictionary<string, Macro> _macros = new(StringComparer.Ordinal);
    private readonly RenderBudget _budget = new();
    private readonly Evaluator _evaluator;
    private StringBuilder _output = new();

    private Renderer(Scope globals, TimeProvider time)
    {
        _globals = globals;
        _evaluator = new Evaluator(_budget, time, CallMacro);
    }

    /// <exception cref="TemplateRenderException">The template refuses, uses what is undefined, or costs too much.</exception>
    public static string Render(IReadOnlyList<Statement> template, Scope globals, TimeProvider time)
    {
        var renderer = new Renderer(globals, time);
        renderer.Run(template, globals);
        return renderer._output.ToString();
    }

    /// <summary>target.name or target[name]: what is not there is undefined, but what is undefined has no members.</summary>
    public static object? MemberOf(object? target, object? name)
    {
        switch (target)
        {
            case Undefined:
                throw new TemplateRenderException($"{Values.Kind(target)} has no \"{name}\"");
            case Mapping mapping when name is string key:
                return mapping.TryGetValue(key, out var value) ? value : new Undefined(key);
            case List<object?> items when name is long index:
                index += index < 0 ? items.Count : 0;
                return index >= 0 && index < items.Count ? items[(int)index] : new Undefined($"item {name} of {items.Count}");
            case string text when name is long index:
                Rune[] characters = [.. text.EnumerateRunes()];
                index += index < 0 ? characters.Length : 0;
                return index >= 0 && index < characters.Length ? characters[index].ToString() : new Undefined($"character {name} of {characters.Length}");
            default:
                return new Undefined(name as string ?? "a member");
        }
    }

    private Flow Run(IReadOnlyList<Statement> body, Scope scope)
    {
        _budget.Enter();
        var flow = Flow.On;
        for (var i = 0; i < body.Count && flow == Flow.On; i++)
        {
            flow = Run(body[i], scope);
        }

        _budget.Leave();
        return flow;
    }

    private Flow Run(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case TextOutput text:
                _output.Append(_budget.Made(text.Text));
                return Flow.On;
            case Output output:
                _output.Append(_budget.Made(Values.Text(_evaluator.Evaluate(output.Value, scope), _budget)));
                return Flow.On;
            case If branches:
                foreach (var (condition, body) in branches.Branches)
                {
                    if (condition is null || _evaluator.IsTrue(condition, scope))
                    {
                        return Run(body, scope);
                    }
                }

                return Flow.On;
            case For loop:
                return Loop(loop, scope);
            case Set set:
                Assign(set, scope);
                return Flow.On;
            case SetBlock block:
                scope[block.Name] = Captured(block.Body, scope);
                return Flow.On;
            case Macro macro:
                _macros[macro.Name] = macro;
                return Flow.On;
            default:
                return ((Leave)statement).Loop ? Flow.Break : Flow.Continue;
        }
    }

    private Flow Loop(For loop, Scope scope)
    {
        var items = Values.Items(_evaluator.Evaluate(loop.Items, scope));
        if (loop.Filter is not null)
        {
            items = items.Where(item =>
            {
                var trial = new Scope(scope);
                Unpack(loop.Targets, item, trial);
                return _evaluator.IsTrue(loop.Filter, trial);
            }).ToList();
        }

        for (var i = 0; i < items.Count; i++)
        {
            _budget.Spend(1);
            var inner = new Scope(scope);
            Unpack(loop.Targets, items[i], inner);
            inner["loop"] = Position(items, i);
            var flow = Run(loop.Body, inner);
            if (flow == Flow.Break)
            {
                break;
            }
        }

        return items.Count == 0 ? Run(loop.Otherwise, scope) : Flow.On;
    }

    private static Mapping Position(List<object?> items, int i) => new()
    {
        ["index"] = i + 1L,
        ["index0"] = (long)i,
        ["revindex"] = (long)(items.Count - i),
        ["revindex0"] = items.Count - i - 1L,
        ["first"] = i == 0,
        ["last"] = i == items.Count - 1,
        ["length"] = (long)items.Count,
        ["previtem"] = i > 0 ? items[i - 1] : new Undefined("loop.previtem"),
        ["nextitem"] = i + 1 < items.Count ? items[i + 1] : new Undefined("loop.nextitem"),
    };

    private void Assign(Set set, Scope scope)
    {
        var value = _evaluator.Evaluate(set.Value, scope);
        if (set.Member is null)
        {
            Unpack(set.Names, value, scope);
        }
        else if (scope[set.Names[0]] is Mapping { IsNamespace: true } space)
        {
            space[set.Member] = value;
        }
        else
        {
            throw new TemplateRenderException($"\"{set.Names[0]}.{set.Member}\" cannot be set: \"{set.Names[0]}\" is no namespace");
        }
    }

    private static void Unpack(IReadOnlyList<string> names, object? value, Scope scope)
    {
        if (names.Count == 1)
        {
            scope[names[0]] = value;
            return;
        }

        var items = Values.Items(value);
        if (items.Count != names.Count)
        {
            throw new TemplateRenderException($"{items.Count} items cannot be given to {string.Join(", ", names)}");
        }

        for (var i = 0; i < names.Count; i++)
        {
            scope[names[i]] = items[i];
        }
    }

    private string Captured(IReadOnlyList<Statement> body, Scope scope)
    {
        var outer = _output;
        _output = new StringBuilder();
        Run(body, scope);
        var text = _output.ToString();
        _output = outer;
        return text;
    }

    private string CallMacro(string name, CallArguments arguments)
    {
        if (!_macros.TryGetValue(name, out var macro))
        {
            throw new TemplateRenderException($"the macro {name} is called before it is defined");
        }

        var scope = new Scope(_globals);
        for (var i = 0; i < macro.Parameters.Count; i++)
        {
            var (parameter, otherwise) = macro.Parameters[i];
            scope[parameter] = i < arguments.Positional.Count || arguments.Named.ContainsKey(parameter) ? arguments.Or(i, parameter)
                : otherwise is null ? new Undefined(parameter)
                : _evaluator.Evaluate(otherwise, scope);
        }

        return Captured(macro.Body, scope);
    }

    /// <summary>How a body ended.</summary>
    private enum Flow
    {
        On,
        Break,
        Continue,
    }
}
