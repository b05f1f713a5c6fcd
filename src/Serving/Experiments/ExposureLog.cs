using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Serving.Experiments;

/// <summary>
/// What "auto" answered, as lines of exposures.jsonl below <see cref="ExperimentOptions.Root"/>. Adding never waits: lines are written in the background within a moment (they
/// survive the process, the last ones not a power cut), and under a load that the disk cannot follow some are left out and counted. Thread-safe.
/// </summary>
public sealed partial class ExposureLog(IOptions<ExperimentOptions> options, TimeProvider time, ILogger<ExposureLog> logger) : BackgroundService
{
    private const string FileName = "exposures.jsonl";
    private const int MostWaiting = 65_536;
    private const int MostRemembered = 100_000;

    private static readonly TimeSpan _pauseAfterFailure = TimeSpan.FromSeconds(1);

    private readonly Channel<Exposure> _waiting = Channel.CreateBounded<Exposure>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });

    private readonly ConcurrentDictionary<string, byte> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _order = new();
    private long _lost;
    private bool _isFailing;

    /// <summary>Exposures that were left out because too many waited.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>The file below a root.</summary>
    internal static string PathIn(string root) => Path.Combine(root, FileName);

    /// <summary>Remembers an answer, so that feedback on it is taken.</summary>
    public void Add(Exposure exposure)
    {
        Remember(exposure.Id);
        if (!_waiting.Writer.TryWrite(exposure))
        {
            Interlocked.Increment(ref _lost);
        }
    }

    /// <summary>Whether an answer was one of the last hundred thousand.</summary>
    public bool Knows(string id) => _known.ContainsKey(id);

    /// <summary>All exposures on disk, oldest first; a last line that was cut off is left out.</summary>
    /// <exception cref="InvalidDataException">A line is not an exposure; the message names it.</exception>
    public static IEnumerable<Exposure> Read(string root)
    {
        var path = Path.Combine(root, FileName);
        if (!File.Exists(path))
        {
            yield break;
        }

        var number = 0;
        string? last = null;
        foreach (var line in File.ReadLines(path))
        {
            if (last is not null)
            {
                yield return Parse(path, ++number, last)!;
            }

            last = line;
        }

        if (last is not null && Parse(path, ++number, last, isLast: true) is { } whole)
        {
            yield return whole;
        }
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            CutTornLine(Path.Combine(options.Value.Root, FileName));
            foreach (var exposure in Read(options.Value.Root))
            {
                Remember(exposure.Id);
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Log.Damaged(logger, e.Message);
        }

        return base.StartAsync(cancellationToken);
    }

    /// <summary>Ends the background work and writes what came in before the end: a service that is stopped at once has never begun to.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        _ = Write();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
        {
            if (!Write())
            {
                await Task.Delay(_pauseAfterFailure, time, stoppingToken);
            }
        }
    }

    /// <summary>What a killed process has left unfinished, so that the next line begins a line.</summary>
    private static void CutTornLine(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        var end = file.Length;
        while (end > 0)
        {
            file.Position = end - 1;
            if (file.ReadByte() == '\n')
            {
                break;
            }

            end--;
        }

        file.SetLength(end);
    }

    private static Exposure? Parse(string path, int number, string line, bool isLast = false)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ExposureJson.Default.Exposure) ?? throw new JsonException("it is null");
        }
        catch (JsonException) when (isLast)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}, line {number}: not an exposure ({e.Message}); delete the line, or the file to begin anew.", e);
        }
    }

    private void Remember(string id)
    {
        if (_known.TryAdd(id, 0))
        {
            _order.Enqueue(id);
        }

        while (_known.Count > MostRemembered && _order.TryDequeue(out var oldest))
        {
            _known.TryRemove(oldest, out _);
        }
    }

    /// <summary>False when the disk refuses: what waits is tried again. One caller at a time.</summary>
    private bool Write()
    {
        if (_waiting.Reader.Count == 0)
        {
            return true;
        }

        try
        {
            Directory.CreateDirectory(options.Value.Root);
            if (_isFailing)
            {
                CutTornLine(Path.Combine(options.Value.Root, FileName));
            }

            using var file = new FileStream(Path.Combine(options.Value.Root, FileName), FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            while (_waiting.Reader.TryPeek(out var exposure))
            {
                file.Write([.. JsonSerializer.SerializeToUtf8Bytes(exposure, ExposureJson.Default.Exposure), (byte)'\n']);
                _waiting.Reader.TryRead(out _);
            }

            _isFailing = false;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Answers matter more than their count.
            if (!_isFailing)
            {
                Log.CannotWrite(logger, options.Value.Root, e.Message);
            }

            _isFailing = true;
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(6201, LogLevel.Warning, "{Problem} The comparison goes on without the exposures before.")]
        public static partial void Damaged(ILogger logger, string problem);

        [LoggerMessage(6202, LogLevel.Warning, "Exposures cannot be written to {Root}: {Problem}")]
        public static partial void CannotWrite(ILogger logger, string root, string problem);
    }
}
