namespace Serving.Tokenization.Templates;

/// <summary>What one rendering may cost, whatever its template says: a template comes with a model folder, the conversation from a client. Not thread-safe.</summary>
internal sealed class RenderBudget
{
    /// <summary>Nodes evaluated, rounds of loops and characters made, in all: a fraction of a second.</summary>
    public const long MostWork = 1 << 24;

    /// <summary>Expressions, bodies and macros inside each other.</summary>
    public const int MostNesting = 400;

    /// <summary>A node evaluated takes about as long as this many characters made.</summary>
    private const int StepCost = 8;

    private long _spent;
    private int _depth;

    public void Spend(long work)
    {
        _spent += work;
        if (_spent > MostWork || work < 0)
        {
            throw new TemplateRenderException($"rendering takes more than {MostWork} steps and characters: send a shorter conversation");
        }
    }

    public string Made(string text)
    {
        Spend(text.Length);
        return text;
    }

    public void Enter()
    {
        Spend(StepCost);
        if (++_depth > MostNesting || !System.Runtime.CompilerServices.RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new TemplateRenderException($"expressions, loops and macros are nested more than {MostNesting} deep");
        }
    }

    public void Leave() => _depth--;
}
