using System.Security.Cryptography;

namespace Serving.Batch;

/// <summary>One line of a JSON Lines file, or what stands for it in another form of input. Immutable.</summary>
/// <param name="Number">Counted from 1, blank lines included.</param>
/// <param name="Bytes">Content without the line break; empty when <paramref name="TooLong"/>.</param>
/// <param name="Digest">16 hex digits over the content, whatever its length.</param>
/// <param name="End">Offset in the file after the line break.</param>
/// <param name="TooLong">The content is longer than a line may be.</param>
/// <param name="Whole">A line break ends it: only the last line of a file can lack one.</param>
internal sealed record Line(long Number, ReadOnlyMemory<byte> Bytes, string Digest, long End, bool TooLong, bool Whole)
{
    /// <summary>Longest input line in bytes; longer ones are reported as errors.</summary>
    public const int Longest = 4 << 20;

    private const int DigestBytes = 8;

    /// <summary>A row or record of an input that is no file of lines.</summary>
    /// <param name="number">From 1.</param>
    /// <param name="content">What counts as its text.</param>
    /// <param name="longest">Longer content is told as too long.</param>
    public static Line Of(long number, ReadOnlyMemory<byte> content, long longest = Longest) =>
        new(number, content.Length > longest ? default : content, DigestOf(SHA256.HashData(content.Span)), number, content.Length > longest, Whole: true);

    /// <summary>What is kept of a SHA-256: chance meetings do not matter, since lines are compared one by one.</summary>
    public static string DigestOf(ReadOnlySpan<byte> sha256) => Convert.ToHexStringLower(sha256[..DigestBytes]);
}
