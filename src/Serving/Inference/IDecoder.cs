namespace Serving.Inference;

/// <summary>New tokens of one row in a step.</summary>
/// <param name="Row">As opened.</param>
/// <param name="Count">How many, at least 1.</param>
public readonly record struct RowTokens(int Row, int Count);

/// <summary>
/// The one boundary that runs a decoder model. It owns the keys and values of rows; a row is one sequence, which grows at its end. Not thread-safe:
/// the engine thread owns it.
/// </summary>
public interface IDecoder : IDisposable
{
    /// <summary>Longest row, prompt and answer together, in tokens.</summary>
    int ContextLength { get; }

    int VocabularySize { get; }

    /// <summary>Most rows that can be open at once.</summary>
    int Rows { get; }

    /// <summary>Most tokens of one step, over all rows.</summary>
    int LargestStep { get; }

    /// <summary>Whether a forked row shares memory with its origin, so that keeping rows costs what they hold, and no more.</summary>
    bool SharesRows { get; }

    /// <summary>Memory of keys and values that rows hold, in bytes; shared memory counts once. 0 where it does not vary.</summary>
    long KeyValueBytes => 0;

    /// <summary>A new, empty row.</summary>
    int Open();

    /// <summary>A new row that begins with the first <paramref name="length"/> tokens of another.</summary>
    int Fork(int row, int length);

    /// <summary>Gives up a row; its number may be given again.</summary>
    void Close(int row);

    /// <summary>Runs the next tokens of some rows, all in one step. A row's results do not depend on the others.</summary>
    /// <param name="runs">Which rows grow by how many tokens; each row once.</param>
    /// <param name="tokens">Their tokens, one run after the other; <see cref="LargestStep"/> at most.</param>
    /// <param name="logitPositions">Numbers, within <paramref name="tokens"/>, of those whose logits are wanted; at least one.</param>
    /// <returns>Logits [logitPositions, V], valid until the next call.</returns>
    ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions);
}
