using System.Text.Json.Serialization;

namespace Serving.Generation;

/// <summary>Answer of /tokenize.</summary>
/// <param name="MaxModelLen">Longest prompt and answer together, in tokens.</param>
/// <param name="TokenStrs">Each token's text, where asked for.</param>
public sealed record TokenizeAnswer(
    int Count,
    int MaxModelLen,
    IReadOnlyList<int> Tokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? TokenStrs);

/// <summary>Answer of /detokenize.</summary>
public sealed record DetokenizeAnswer(string Prompt);
