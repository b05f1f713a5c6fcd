using Serving.Tokenization;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// The task's token layout: &lt;s&gt; document &lt;sum&gt; summary &lt;/s&gt;, the document cut to <see cref="DocumentTokens"/> and the summary to
/// <see cref="SummaryTokens"/>. Thread-safe.
/// </summary>
public sealed class TaskTokens(TextTokenizer tokenizer)
{
    public const int DocumentTokens = 128;
    public const int SummaryTokens = 40;

    /// <summary>The special tokens of our vocabularies; their ids are 0 to 3.</summary>
    public static IReadOnlyList<string> Specials { get; } = ["<pad>", "<s>", "</s>", "<sum>"];

    public const string ChatTemplate = "{{ bos_token }}{{ messages[-1]['content'] }}<sum>";

    public int Pad { get; } = Id(tokenizer, "<pad>");

    public int Start { get; } = Id(tokenizer, "<s>");

    public int End { get; } = Id(tokenizer, "</s>");

    public int Answer { get; } = Id(tokenizer, "<sum>");

    /// <summary>Document ids, cut.</summary>
    public int[] Document(string document) => Cut(tokenizer.Encode(document), DocumentTokens);

    /// <summary>&lt;s&gt; document &lt;sum&gt;.</summary>
    public int[] Prompt(string document) => [Start, .. Document(document), Answer];

    /// <summary>summary &lt;/s&gt;.</summary>
    public int[] Response(string summary) => [.. Cut(tokenizer.Encode(summary), SummaryTokens - 1), End];

    /// <summary>The longest beginning of a document that a prompt holds whole, as text: what the scorers and the server should be shown.</summary>
    public string CutText(string document) => tokenizer.Decode(Document(document)).TrimEnd('\uFFFD');

    private static int[] Cut(int[] ids, int most) => ids.Length <= most ? ids : ids[..most];

    private static int Id(TextTokenizer tokenizer, string token) =>
        tokenizer.IdOf(token) ?? throw new TokenizerException($"The tokenizer has no {token} token: make one with the \"tokenizer\" verb.");
}
