using System.Security.Cryptography;

namespace Serving.Batch;

/// <summary>
/// The result lines and their sidecar, "&lt;out&gt;.progress": one header line (what scored, digest), then a <see cref="SidecarEntry"/> per input line. An entry is
/// written before its output line, so after a kill at any moment the sidecar covers every whole output line. Opening cuts both to the lines
/// that they have in common and checks these against the input. One writer at a time, held by a lock on the sidecar. Not thread-safe.
/// </summary>
internal sealed class ScoreFiles : IDisposable
{
    private const int FlushAt = 1 << 16;

    private readonly ScorePaths _paths;
    private readonly FileStream _out;
    private readonly FileStream _sidecar;
    private readonly ErrorFile _errors;
    private readonly MemoryStream _outBuffer = new();
    private readonly MemoryStream _sidecarBuffer = new();

    private ScoreFiles(ScorePaths paths, FileStream output, FileStream sidecar)
    {
        _paths = paths;
        _out = output;
        _sidecar = sidecar;
        _errors = new ErrorFile(paths.Errors);
    }

    /// <summary>Input lines that an earlier run has done and that stay done.</summary>
    public long Done { get; private set; }

    /// <summary>Those of them that gave an error.</summary>
    public long DoneErrors { get; private set; }

    /// <summary>Those of them that rightly gave nothing.</summary>
    public long DoneEmpty { get; private set; }

    /// <summary>Opens the files and moves <paramref name="input"/> behind the lines that are done.</summary>
    /// <exception cref="BatchException">The files are not of this input and work, or in use.</exception>
    public static ScoreFiles Open(ScorePaths paths, InputLines input, LineWork work)
    {
        FileStream? output = null;
        FileStream? sidecar = null;
        try
        {
            sidecar = OpenFile(paths.Progress, FileShare.None);        // the lock; readers may follow the output
            output = OpenFile(paths.Lines, FileShare.Read);
            var files = new ScoreFiles(paths, output, sidecar);
            files.Resume(input, work);
            return files;
        }
        catch
        {
            output?.Dispose();
            sidecar?.Dispose();
            throw;
        }
    }

    /// <summary>Adds what came of an input line; it may stay in memory until <see cref="Flush"/>.</summary>
    public void Append(Line input, LineResult result)
    {
        var output = result.Output is null ? null : Line.DigestOf(SHA256.HashData(result.Output.AsSpan(0, result.Output.Length - 1)));
        _sidecarBuffer.Write(new SidecarEntry(input.Digest, output, result.Failed).ToBytes());
        _outBuffer.Write(result.Output);
        if (result.Failed)
        {
            _errors.Add(input, result.Output);
        }

        if (_outBuffer.Length + _sidecarBuffer.Length >= FlushAt)
        {
            Flush();
        }
    }

    /// <summary>Hands what was appended to the operating system: from then on it outlives this process.</summary>
    public void Flush()
    {
        Drain(_sidecarBuffer, _sidecar);
        Drain(_outBuffer, _out);
        _errors.Flush();
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
        _errors.Dispose();
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

    private void Resume(InputLines input, LineWork work)
    {
        var written = new LineReader(_out, int.MaxValue);
        var known = new LineReader(_sidecar, Line.Longest);
        var header = known.Read() is { Whole: true } first ? first : null;
        if (header is null && _out.Length > 0)
        {
            throw new BatchException($"{_paths.Lines}: holds data, but {_paths.Progress}, which says what it was made from, is missing. "
                + "Name another --out or delete it.");
        }

        if (header is null && File.Exists(_paths.Errors))
        {
            throw new BatchException($"{_paths.Errors}: is there already, and not of this run. Name another --out or delete it.");
        }

        _errors.Clear();
        var (outEnd, sidecarEnd) = (0L, header?.End ?? 0);
        while (header is not null && known.Read() is { Whole: true } entry)
        {
            if (Done == 0)
            {
                CheckHeader(header, work);
            }

            var done = SidecarEntry.Parse(entry.Bytes.Span) ?? throw NotOurs();
            var line = done.Output is null ? null : written.Read();
            if (done.Output is not null && line is not { Whole: true })
            {
                break;        // its output was not written, or not to its end
            }

            if (line?.Digest != done.Output)
            {
                throw new BatchException($"{_paths.Lines}: line {line!.Number} is not what was written there. {Other}");
            }

            var source = input.Read() ?? throw new BatchException($"{_paths.Lines}: has more lines than the input, so it was made from another one. {Other}");
            if (source.Digest != done.Input)
            {
                throw new BatchException($"{_paths.Lines}: was made from another input: line {source.Number} has changed. {Other}");
            }

            if (done.Failed && line is not null)
            {
                _errors.Add(source, [.. line.Bytes.Span, (byte)'\n']);
            }

            DoneErrors += done.Failed ? 1 : 0;
            DoneEmpty += line is null ? 1 : 0;
            Done++;
            (outEnd, sidecarEnd) = (line?.End ?? outEnd, entry.End);
        }

        // What lies behind is a torn line, or was written to one of the files only.
        Cut(_out, outEnd);
        Cut(_sidecar, Done == 0 ? 0 : sidecarEnd);
        if (Done == 0)
        {
            _sidecar.Write(ScoreHeader.Of(work).ToBytes());
        }
    }

    private string Other => $"Name another --out, or delete it and {_paths.Progress}.";

    private void CheckHeader(Line header, LineWork work)
    {
        var made = ScoreHeader.Parse(header.Bytes.Span) ?? throw NotOurs();
        if (made.Digest != work.Digest)
        {
            throw new BatchException(
                $"{_paths.Lines}: its lines were made by {made.Work} ({made.Digest}), "
                + $"but now it is {work.Name} ({work.Digest}): weights, models or options have changed. {Other}");
        }
    }

    private BatchException NotOurs() =>
        new($"{_paths.Progress}: is not a progress file of this version. Name another --out, or delete both files.");

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
}
