namespace Serving.Tokenization.Templates;

/// <summary>Arguments of one call, evaluated.</summary>
/// <param name="Callee">For messages: "filter join".</param>
internal sealed record CallArguments(string Callee, IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    /// <summary>The argument at a place or of a name; <paramref name="absent"/> when it was not given.</summary>
    public object? Or(int place, string name, object? absent = null) =>
        place < Positional.Count ? Positional[place] : Named.TryGetValue(name, out var value) ? value : absent;

    public object? Required(int place, string name) => place < Positional.Count || Named.ContainsKey(name)
        ? Or(place, name)
        : throw new TemplateRenderException($"the {Callee} needs \"{name}\"");

    public string Text(int place, string name) => Required(place, name) as string ?? throw new TemplateRenderException($"\"{name}\" of the {Callee} must be a text");

    public CallArguments From(int place) => this with { Positional = [.. Positional.Skip(place)] };
}
