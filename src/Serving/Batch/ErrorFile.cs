using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.Batch;

/// <summary>
/// "&lt;out&gt;.errors": every output line that tells of an error, with the number and the text of its input line in front, so that bad lines can be mended
/// and sent again. It follows from the input and the output: each run writes it anew. There is none without errors. Not thread-safe.
/// </summary>
internal sealed class ErrorFile(string path) : IDisposable
{
    /// <summary>Longer input lines are told by their number only.</summary>
    private const int LongestText = 64 << 10;

    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private FileStream? _file;

    /// <summary>Removes what an earlier run has left.</summary>
    public void Clear() => File.Delete(path);

    public void Add(Line input, ReadOnlySpan<byte> output)
    {
        _file ??= new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json, _readable))
        {
            writer.WriteStartObject();
            writer.WriteNumber("line", input.Number);
            if (input.Bytes.Length is > 0 and <= LongestText)
            {
                writer.WriteString("input", Encoding.UTF8.GetString(input.Bytes.Span));
            }
        }

        json.WriteByte((byte)',');
        json.Write(output[1..]);        // the object goes on with the output line's own members
        json.WriteTo(_file);
    }

    public void Flush() => _file?.Flush();

    public void Dispose() => _file?.Dispose();
}
