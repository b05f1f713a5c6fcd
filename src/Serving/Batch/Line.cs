namespace Serving.Batch;

/// <summary>One line of a JSON Lines file. Immutable.</summary>
/// <param name="Number">Counted from 1, blank lines included.</param>
/// <param name="Bytes">Content without the line break; empty when <paramref name="TooLong"/>.</param>
/// <param name="Digest">16 hex digits over the content, whatever its length.</param>
/// <param name="End">Offset in the file after the line break.</param>
/// <param name="TooLong">The content is longer than a line may be.</param>
/// <param name="Whole">A line break ends it: only the last line of a file can lack one.</param>
internal sealed record Line(long Number, ReadOnlyMemory<byte> Bytes, string Digest, long End, bool TooLong, bool Whole);
