namespace Serving.Tokenization.Decoding;

/// <summary>What every token adds to a text, in bytes. Immutable and thread-safe.</summary>
/// <param name="Middle">By id; empty for special tokens and for ids that no entry has.</param>
/// <param name="First">Only tokens that add something else when they are the first of a text.</param>
/// <param name="StrippedSpaces">How many spaces at the very start of a text are not part of it.</param>
internal sealed record TokenBytes(ReadOnlyMemory<byte>[] Middle, IReadOnlyDictionary<int, ReadOnlyMemory<byte>> First, int StrippedSpaces)
{
    public ReadOnlyMemory<byte> Of(int token) => (uint)token < (uint)Middle.Length ? Middle[token] : default;

    /// <summary>What the token adds as the first of a text.</summary>
    public ReadOnlyMemory<byte> OfFirst(int token) => First.TryGetValue(token, out var bytes) ? bytes : Of(token);
}
