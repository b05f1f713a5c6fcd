namespace Serving.Batch;

/// <summary>What the verb "score" was asked to do. Immutable.</summary>
/// <param name="Input">File or folder.</param>
/// <param name="Output">File or folder.</param>
internal sealed record ScoreSettings(string Input, string Output)
{
    /// <summary>Preference pairs are wanted; null = scores and answers.</summary>
    public GroupSettings? Group { get; init; }

    /// <summary>Where the source stands in the steps of an RLDS dataset that is not ours.</summary>
    public string SourceField { get; init; } = "observation/text";

    /// <summary>Where the answer stands.</summary>
    public string AnswerField { get; init; } = "action/text";
}
