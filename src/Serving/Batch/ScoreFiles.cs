using System.Text;
using System.Text.Json;

namespace Serving.Batch;

/// <summary>A run that cannot start or go on. The message says what to do.</summary>
public sealed class BatchException(string message) : Exception(message);

/// <summary>
/// The output and its sidecar, "&lt;out&gt;.progress": one header line (scorecard, digest), then one line digest per output line. A sidecar line is
/// written before its output line, so after a kill at any moment the sidecar covers every whole output line. Opening cuts both to the lines
/// that they have in common and checks these against the input. one writer at a time, held by a lock on the sidecar. Not thread-safe.
/// </summary>
internal sealed class ScoreFiles : IDisposable
{
    private const int Format = 1;
    private const int FlushAt = 1 << 16;

    private readonly FileStream _out;
    private readonly FileStream _sidecar;
    private readonly MemoryStream _outBuffer = new();
    private readonly MemoryStream _sidecarBuffer = new();

    private ScoreFiles(FileStream output, FileStream sidecar)
    {
        _out = output;
        _sidecar = sidecar;
    }

    /// <summary>Lines that an earlier run has written and that stay.</summary>
    public long Done { get; private set; }

    /// <summary>Those of them that report an error.</summary>
    public long DoneErrors { get; private set; }

    /// <summary>Opens the files and moves <paramref name="input"/> behind the lines that are done.</summary>
    /// <exception cref="BatchException">The files are not of this input and scorecard, or in use.</exception>
    public static ScoreFiles Open(string path, LineReader input, string scorecard, string digest, int longestLine)
    {
        FileStream? output = null;
        FileStream? sidecar = null;
        try
        {
            sidecar = OpenFile(path + ".progress", FileShare.None);        // the lock; readers may follow the output
            output = OpenFile(path, FileShare.Read);
            var files = new ScoreFiles(output, sidecar);
            files.Resume(path, input, scorecard, digest, longestLine);
            return files;
        }
        catch
        {
            output?.Dispose();
            sidecar?.Dispose();
            throw;
        }
    }

    /// <summary>Appends one output line; it may stay in memory until <see cref="Flush"/>.</summary>
    public void Append(string lineDigest, ReadOnlySpan<byte> line)
    {
        _sidecarBuffer.Write(Encoding.ASCII.GetBytes(lineDigest + "\n"));
        _outBuffer.Write(line);
        if (_outBuffer.Length >= FlushAt)
        {
            Flush();
        }
    }

    /// <summary>Hands what was appended to the operating system: from then on it outlives this process.</summary>
    public void Flush()
    {
        Drain(_sidecarBuffer, _sidecar);
        Drain(_outBuffer, _out);
    }

    /// <summary>Flushes to the disk.</summary>
    public void Complete()
    {
        Flush();
        _sidecar.Flush(flushToDisk: true);
        _out.Flush(flushToDisk: true);
    }

    public void Dispose()
    {
        _out.Dispose();
        _sidecar.Dispose();
    }

    private static FileStream OpenFile(string path, FileShare share)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"{path}: cannot be opened for writing ({e.Message}).");
        }
    }

    private void Resume(string path, LineReader input, string scorecard, string digest, int longestLine)
    {
        var written = new LineReader(_out, 2 * longestLine);        // scores are added to what an input line holds
        var known = new LineReader(_sidecar, longestLine);
        var header = known.Read() is { Whole: true } first ? first : null;
        long outEnd = 0, sidecarEnd = header?.End ?? 0;
        if (header is null && written.Read() is not null)
        {
            throw new BatchException($"{path}: holds data, but {path}.progress, which says what it was made from, is missing. "
                + "Name another --out or delete it.");
        }

        while (header is not null && written.Read() is { Whole: true } line && known.Read() is { Whole: true } entry)
        {
            if (Done == 0)
            {
                CheckHeader(path, header, scorecard, digest);
            }

            var source = input.Read();
            if (source?.Digest != Encoding.ASCII.GetString(entry.Bytes.Span))
            {
                throw new BatchException(source is null
                    ? $"{path}: has more lines than the input, so it was made from another one. Name another --out, or delete it and {path}.progress."
                    : $"{path}: was made from another input: line {source.Number} has changed. Name another --out, or delete it and {path}.progress.");
            }

            DoneErrors += IsError(path, line, PairLine.Parse(source, longestLine)) ? 1 : 0;
            Done++;
            (outEnd, sidecarEnd) = (line.End, entry.End);
        }

        // What lies behind is a torn line, or was written to one of the files only.
        Cut(_out, outEnd);
        Cut(_sidecar, Done == 0 ? 0 : sidecarEnd);
        if (Done == 0)
        {
            _sidecar.Write([.. JsonSerializer.SerializeToUtf8Bytes(new Header(Format, scorecard, digest)), (byte)'\n']);
        }
    }

    private static void CheckHeader(string path, Line header, string scorecard, string digest)
    {
        Header? fields;
        try
        {
            fields = JsonSerializer.Deserialize<Header>(header.Bytes.Span);
        }
        catch (JsonException)
        {
            fields = null;
        }

        if (fields?.Format != Format)
        {
            throw new BatchException($"{path}.progress: is not a progress file of this version. Name another --out, or delete both files.");
        }

        if (fields.Digest != digest)
        {
            throw new BatchException(
                $"{path}: its lines were scored by scorecard \"{fields.Scorecard}\" ({fields.Digest}), "
                + $"but now it is \"{scorecard}\" ({digest}): weights or models have changed. Name another --out, or delete it and {path}.progress.");
        }
    }

    /// <summary>Whether a written line reports an error; it must be of the same id as its input line.</summary>
    private static bool IsError(string path, Line line, PairLine source)
    {
        try
        {
            using var json = JsonDocument.Parse(line.Bytes);
            if (json.RootElement.GetProperty("id").GetRawText() == source.Id)
            {
                return json.RootElement.TryGetProperty("error", out _);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // Said below: it is not a line that we wrote.
        }

        throw new BatchException($"{path}: line {line.Number} is not the score of input id {source.Id}. "
            + $"Name another --out, or delete it and {path}.progress.");
    }

    private static void Cut(FileStream file, long length)
    {
        file.SetLength(length);
        file.Position = length;
    }

    private static void Drain(MemoryStream buffer, FileStream file)
    {
        file.Write(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
        buffer.SetLength(0);
    }

    private sealed record Header(int Format, string Scorecard, string Digest);
}
