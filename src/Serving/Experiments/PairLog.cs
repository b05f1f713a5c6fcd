using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using Serving.Episodes;

namespace Serving.Experiments;

/// <summary>
/// The pairs of each candidate: JSON Lines in "&lt;root&gt;/&lt;name@version&gt;.jsonl". A pair is on disk when <see cref="Append"/> returns. Files grow only; one that is
/// deleted begins anew. One process writes to a root at a time. Thread-safe.
/// </summary>
public sealed partial class PairLog : IDisposable
{
    private const string LockName = "pairs.lock";
    private const string Extension = ".jsonl";

    private readonly Lock _gate = new();
    private readonly string _root;
    private readonly Dictionary<string, OpenFile> _files = [];
    private FileStream? _lock;

    /// <param name="root">Made with the first pair.</param>
    public PairLog(string root) => _root = Path.GetFullPath(root);

    /// <summary>Adds a pair to its candidate's file, durably.</summary>
    /// <returns>False = a pair with this id is there already, and nothing was written.</returns>
    /// <exception cref="ArgumentException">The pair is not valid.</exception>
    /// <exception cref="IOException">It could not be written; nothing of it is left, and it may be tried again.</exception>
    public bool Append(Pair pair)
    {
        if (pair.Fault() is { } fault)
        {
            throw new ArgumentException($"The pair \"{pair.Id}\" cannot be logged: {fault}.", nameof(pair));
        }

        lock (_gate)
        {
            var file = Open(PathOf(_root, pair.Candidate.Arm));
            if (!file.Ids.Add(pair.Id))
            {
                return false;
            }

            try
            {
                Write(file, [.. JsonSerializer.SerializeToUtf8Bytes(pair, ExperimentJson.Default.Pair), (byte)'\n']);
                return true;
            }
            catch
            {
                file.Ids.Remove(pair.Id);
                throw;
            }
        }
    }

    /// <summary>A candidate's pairs in the order in which they were logged; none when there is no file. A line that is being written is not read.</summary>
    /// <exception cref="ExperimentException">A line is damaged; the message says which and what to do.</exception>
    public static IReadOnlyList<Pair> Read(string root, string candidate)
    {
        var path = PathOf(Path.GetFullPath(root), candidate);
        return File.Exists(path) ? [.. Lines(path, File.ReadAllBytes(path)).Pairs] : [];
    }

    /// <summary>Candidates that have pairs, by name and then version.</summary>
    public static IReadOnlyList<string> Candidates(string root) => !Directory.Exists(root)
        ? []
        : [.. Directory.EnumerateFiles(root, "*" + Extension).Select(Path.GetFileNameWithoutExtension).OfType<string>().Where(name => Names().IsMatch(name))
            .OrderBy(name => Split(name).Name, StringComparer.Ordinal).ThenBy(name => Split(name).Version)];

    /// <summary>The how-manieth version of its name a candidate is that is compared, from 1: versions before it that have pairs come first.</summary>
    public static int Comparison(string root, string candidate)
    {
        var (name, version) = Split(candidate);
        return 1 + Candidates(root).Select(Split).Count(other => other.Name == name && other.Version < version);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var file in _files.Values)
            {
                file.Handle.Dispose();
            }

            _files.Clear();
            _lock?.Dispose();
            _lock = null;
        }
    }

    private static (string Name, int Version) Split(string candidate) =>
        (candidate.Split('@')[0], int.Parse(candidate.Split('@')[1], System.Globalization.CultureInfo.InvariantCulture));

    internal static string PathOf(string root, string candidate) => Names().IsMatch(candidate)
        ? Path.Combine(root, candidate + Extension)
        : throw new ArgumentException($"\"{candidate}\" is no candidate: name a version, as in \"student@2\".", nameof(candidate));

    private OpenFile Open(string path)
    {
        if (_files.TryGetValue(path, out var open))
        {
            if (File.Exists(path))
            {
                return open;
            }

            open.Handle.Dispose();
            _files.Remove(path);
        }

        DurableFile.CreateFolder(_root);
        _lock ??= TakeLock();
        var isNew = !File.Exists(path);
        var (pairs, length) = Lines(path, isNew ? [] : File.ReadAllBytes(path));
        var handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
        RandomAccess.SetLength(handle, length);                        // what a crash left of an unfinished line
        if (isNew)
        {
            DurableFile.SyncFolder(_root);
        }

        return _files[path] = new OpenFile(handle, length, [.. pairs.Select(pair => pair.Id)]);
    }

    private FileStream TakeLock()
    {
        var path = Path.Combine(_root, LockName);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new ExperimentException(
                $"Pairs cannot be written to '{_root}': its lock '{path}' cannot be taken ({e.Message}). If another server writes there, stop it, or set "
                + $"{ExperimentOptions.Section}:{nameof(ExperimentOptions.Root)} to a folder of this one's own.",
                e);
        }
    }

    private static void Write(OpenFile file, byte[] line)
    {
        try
        {
            RandomAccess.Write(file.Handle, line, file.Length);
            RandomAccess.FlushToDisk(file.Handle);
            file.Length += line.Length;
        }
        catch (IOException)
        {
            RandomAccess.SetLength(file.Handle, file.Length);
            throw;
        }
    }

    /// <summary>The pairs without repeats, and the length in bytes of what is whole. Only the end may be torn: each line was durable before the next was begun.</summary>
    private static (List<Pair> Pairs, long Length) Lines(string path, byte[] content)
    {
        var pairs = new List<Pair>();
        var seen = new HashSet<string>();
        var (start, number) = (0, 0);
        while (start < content.Length)
        {
            number++;
            var end = Array.IndexOf(content, (byte)'\n', start);
            var line = content.AsSpan(start, (end < 0 ? content.Length : end) - start);
            var (pair, fault) = Parse(line);
            if (end < 0 || (pair is null && end == content.Length - 1))
            {
                break;
            }

            if (pair is null)
            {
                throw new ExperimentException(
                    $"{path}, line {number}: {fault}. Take the line out, or move the file away to begin the comparison anew; decisions that were made are not touched.");
            }

            if (seen.Add(pair.Id))
            {
                pairs.Add(pair);
            }

            start = end + 1;
        }

        return (pairs, start);
    }

    private static (Pair? Pair, string? Fault) Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var pair = JsonSerializer.Deserialize(line, ExperimentJson.Default.Pair);
            var fault = pair is null ? "the pair is null" : pair.Fault();
            return fault is null ? (pair, null) : (null, fault);
        }
        catch (JsonException e)
        {
            return (null, "this is no pair (" + e.Message.TrimEnd('.') + ")");
        }
    }

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9._-]*@[1-9][0-9]{0,8}\\z")]
    private static partial Regex Names();

    /// <summary>A candidate's file while this process writes it.</summary>
    private sealed class OpenFile(SafeFileHandle handle, long length, HashSet<string> ids)
    {
        public SafeFileHandle Handle { get; } = handle;

        public long Length { get; set; } = length;

        public HashSet<string> Ids { get; } = ids;
    }
}
