namespace Serving.Batch;

/// <summary>Lines of a JSON Lines file; positions are bytes. Not thread-safe.</summary>
internal sealed class JsonLinesInput : InputLines
{
    private readonly FileStream _file;
    private readonly LineReader _lines;

    private JsonLinesInput(FileStream file)
    {
        _file = file;
        _lines = new LineReader(file, Line.Longest);
    }

    public override long Position => _lines.Position;

    public override long Length => _file.Length;

    /// <exception cref="BatchException">It cannot be read.</exception>
    public static JsonLinesInput Open(string path)
    {
        try
        {
            return new JsonLinesInput(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"{path}: cannot be read ({e.Message}).");
        }
    }

    public override Line? Read() => _lines.Read();

    public override void Dispose() => _file.Dispose();
}
