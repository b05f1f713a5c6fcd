namespace Serving.Experiments;

/// <summary>
/// A file of lines that only grows, read bit by bit: each look gives the whole lines that have come since the last one. A file that has become shorter, or begins differently, is a new
/// one. Not thread-safe.
/// </summary>
internal sealed class GrowingFile(string path)
{
    private const int Chunk = 1 << 20;
    private const int Known = 256;                                     // bytes at the beginning by which a file is known again

    private byte[] _beginning = [];
    private long _offset;
    private int _taken;

    public string Path => path;

    /// <summary>Number of the line that was given last, from 1.</summary>
    public int Line { get; private set; }

    /// <summary>Whether it is not the file that was read before; then the next look begins with its first line.</summary>
    public bool IsNew()
    {
        var beginning = new byte[_beginning.Length];
        if (File.Exists(path))
        {
            using var file = Open();
            if (file.Length >= _offset && file.ReadAtLeast(beginning, beginning.Length, throwOnEndOfStream: false) == beginning.Length && beginning.AsSpan().SequenceEqual(_beginning))
            {
                return false;
            }
        }
        else if (_offset == 0)
        {
            return false;
        }

        Restart();
        return true;
    }

    /// <summary>The next look begins with the first line.</summary>
    public void Restart() => (_offset, _taken, _beginning) = (0, 0, []);

    /// <summary>The whole lines that have come since, without their ends, and whether each is the last that is there. A line is taken when the next one is asked for, and given again if it is not.</summary>
    public IEnumerable<(byte[] Line, bool IsLast)> NewLines()
    {
        if (!File.Exists(path))
        {
            yield break;
        }

        using var file = Open();
        file.Position = _offset;
        var buffer = new byte[Chunk];
        var filled = 0;
        while (file.ReadAtLeast(buffer.AsSpan(filled), 1, throwOnEndOfStream: false) is > 0 and var read)
        {
            filled += read;
            var start = 0;
            while (Array.IndexOf(buffer, (byte)'\n', start, filled - start) is >= 0 and var end)
            {
                var line = buffer[start..end];
                Line = _taken + 1;
                yield return (line, end + 1 == filled && file.Position == file.Length);
                Note(line, end + 1 - start);
                start = end + 1;
            }

            buffer.AsSpan(start, filled - start).CopyTo(buffer);
            filled -= start;
            if (filled == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }
        }
    }

    private void Note(byte[] line, int length)
    {
        if (_offset == 0)
        {
            _beginning = line[..Math.Min(line.Length, Known)];
        }

        _offset += length;
        _taken++;
    }

    private FileStream Open() => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}
