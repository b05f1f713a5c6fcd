namespace Serving.Inference;

/// <summary>
/// The one boundary that runs a decoder model. It owns the keys and values of <see cref="Slots"/> rows that decode together, and of one slot
/// more, the prompt slot, whose index is <see cref="Slots"/>. Not thread-safe: the engine thread owns it.
/// </summary>
public interface IDecoder : IDisposable
{
    /// <summary>Rows that can decode together.</summary>
    int Slots { get; }

    /// <summary>Longest row, prompt and answer together, in tokens.</summary>
    int ContextLength { get; }

    int VocabularySize { get; }

    /// <summary>Most tokens of one <see cref="Prefill"/>.</summary>
    int LargestPrefill { get; }

    /// <summary>Runs tokens of one slot at positions <paramref name="start"/>, start + 1, ...; those before must be there already.</summary>
    /// <param name="slot">0 to <see cref="Slots"/>.</param>
    /// <param name="tokens">At most <see cref="LargestPrefill"/>.</param>
    /// <param name="start">Tokens that the slot holds already.</param>
    /// <param name="logitRows">How many of the last tokens get logits, at least 1.</param>
    /// <returns>Logits [logitRows, V], valid until the next call.</returns>
    ReadOnlySpan<float> Prefill(int slot, ReadOnlySpan<int> tokens, int start, int logitRows);

    /// <summary>Runs one more token of each of the slots 0 to b - 1.</summary>
    /// <param name="tokens">The token of each row, [b].</param>
    /// <param name="lengths">Tokens that each row holds already, [b].</param>
    /// <returns>Logits [b, V], valid until the next call.</returns>
    ReadOnlySpan<float> Decode(ReadOnlySpan<int> tokens, ReadOnlySpan<int> lengths);

    /// <summary>Copies the keys and values of the first <paramref name="length"/> tokens of one slot to another.</summary>
    void CopySlot(int source, int target, int length);
}
