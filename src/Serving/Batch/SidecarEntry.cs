using System.Text;

namespace Serving.Batch;

/// <summary>
/// What the sidecar keeps of an input line: "INPUT OUTPUT ok" or "INPUT OUTPUT error", the digests of the line and of what was written for it, "-" for
/// nothing. Immutable.
/// </summary>
internal readonly record struct SidecarEntry(string Input, string? Output, bool Failed)
{
    private const int Digits = 16;
    private const string Nothing = "-";

    /// <summary>Null when it is none.</summary>
    public static SidecarEntry? Parse(ReadOnlySpan<byte> line)
    {
        var parts = Encoding.ASCII.GetString(line).Split(' ');
        return parts is [{ Length: Digits } input, { } output, "ok" or "error"] && (output == Nothing || output.Length == Digits)
            ? new SidecarEntry(input, output == Nothing ? null : output, parts[2] == "error")
            : null;
    }

    /// <summary>With a line break.</summary>
    public byte[] ToBytes() => Encoding.ASCII.GetBytes($"{Input} {Output ?? Nothing} {(Failed ? "error" : "ok")}\n");
}
