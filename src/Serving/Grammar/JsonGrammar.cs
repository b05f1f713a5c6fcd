using System.Text.Json;

namespace Serving.Grammar;

/// <summary>
/// What an answer must be: some JSON object, or a value that a JSON schema allows. Immutable and thread-safe; texts are followed by a <see
/// cref="GrammarMatcher"/>. Values are written compactly, with at most one space behind a colon or comma, so that nothing can be drawn out without end
/// but strings and arrays that have no limit.
/// </summary>
public sealed class JsonGrammar
{
    private JsonGrammar(GrammarNode root)
    {
        Root = root;
    }

    /// <summary>Any JSON object.</summary>
    public static JsonGrammar AnyObject { get; } = new(Measured(new JsonNodes().Object));

    internal GrammarNode Root { get; }

    /// <summary>Builds the grammar of a schema (the subset of JSON Schema that docs/http.md lists).</summary>
    /// <param name="schema">The schema.</param>
    /// <exception cref="GrammarException">A keyword is unknown, malformed or not supported, or no finite value satisfies the schema.</exception>
    public static JsonGrammar OfSchema(JsonElement schema)
    {
        var root = Measured(new SchemaCompiler(schema).Compile());
        return root.Shortest < GrammarNode.Endless ? new JsonGrammar(root) : throw new GrammarException("", "allows no finite value.");
    }

    /// <summary>Finds the shortest text of every node: the least fixed point, since grammars recur.</summary>
    private static GrammarNode Measured(GrammarNode root)
    {
        var nodes = new HashSet<GrammarNode>(ReferenceEqualityComparer.Instance);
        var waiting = new Stack<GrammarNode>([root]);
        while (waiting.TryPop(out var node))
        {
            if (nodes.Add(node))
            {
                foreach (var part in node.Parts)
                {
                    waiting.Push(part);
                }
            }
        }

        // Parts were found after what they make up, so backwards most are known at once.
        GrammarNode[] backwards = [.. nodes.Reverse()];
        bool changed;
        do
        {
            changed = false;
            foreach (var node in backwards)
            {
                changed |= node.Shorten();
            }
        }
        while (changed);
        return root;
    }
}
