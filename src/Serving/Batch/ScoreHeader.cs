using System.Text.Json;

namespace Serving.Batch;

/// <summary>The first line of a sidecar. Immutable.</summary>
/// <param name="Format">Of the sidecar; another one is not read.</param>
/// <param name="Work">What made the lines, for people.</param>
/// <param name="Digest">Of what the results depend on beside the input.</param>
internal sealed record ScoreHeader(int Format, string Work, string Digest)
{
    private const int Current = 2;

    public static ScoreHeader Of(LineWork work) => new(Current, work.Name, work.Digest);

    /// <summary>Null for what is none of this format.</summary>
    public static ScoreHeader? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize<ScoreHeader>(line) is { Format: Current } header ? header : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>With a line break.</summary>
    public byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this), (byte)'\n'];
}
