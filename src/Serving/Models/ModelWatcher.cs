using System.Globalization;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Serving.Models;

/// <summary>
/// Looks for newer versions of the watched names, verifies their digests and hands them over to be loaded and swapped in. Also does the first load of a
/// name. Works in one background thread at a time; a bad folder changes nothing, is reported once and left alone until one of its files changes.
/// </summary>
public sealed partial class ModelWatcher(ModelStore store, IOptions<ModelOptions> options, TimeProvider time, ILogger<ModelWatcher> logger)
    : BackgroundService
{
    private readonly Lock _lock = new();                    // guards _watches, _added and every Watched.Rejected
    private readonly List<Watched> _watches = [];
    private TaskCompletionSource _added = NewSignal();

    /// <summary>Watches a name from now on; it is looked at at once.</summary>
    /// <param name="name">Model name in the registry.</param>
    /// <param name="current">The version in use, or null while there is none: then the newest version that works is taken.</param>
    /// <param name="swap">
    /// Loads and warms a version whose digests are right, then makes it current. Throws when the version cannot be used (nothing may have changed
    /// then); the message is reported. Called by one thread at a time.
    /// </param>
    public void Watch(string name, Func<ModelFolder?> current, Func<ModelFolder, CancellationToken, SwapResult> swap)
    {
        lock (_lock)
        {
            _watches.Add(new Watched(name, current, swap));
            _added.TrySetResult();
        }
    }

    /// <summary>Folders of watched names that were refused and have not changed since.</summary>
    public IReadOnlyList<RejectedFolder> Rejected(string name)
    {
        lock (_lock)
        {
            return [.. _watches
                .Where(watched => watched.Name == name)
                .SelectMany(watched => watched.Rejected)
                .Select(rejected => new RejectedFolder(rejected.Key, rejected.Value.Reason))];
        }
    }

    /// <summary>Looks at every watched name once. Never throws, except when cancelled. One caller at a time.</summary>
    internal void Look(CancellationToken cancellationToken)
    {
        Watched[] watches;
        lock (_lock)
        {
            watches = [.. _watches];
        }

        foreach (var watched in watches)
        {
            try
            {
                Look(watched, cancellationToken);
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                // The registry itself cannot be read (unmounted, no permission): the version in use stays, the next look may work.
                if (watched.Failure != e.Message)
                {
                    watched.Failure = e.Message;
                    Log.LookFailed(logger, watched.Name, e.Message);
                }
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.PollInterval, time);
        var tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
        while (true)
        {
            Task added;
            lock (_lock)
            {
                _added = NewSignal();                       // before looking: a name added during this look brings on the next
                added = _added.Task;
            }

            Look(stoppingToken);
            await Task.WhenAny(tick, added);
            if (tick.IsCompleted)
            {
                await tick;                                 // throws when the host stops
                tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Look(Watched watched, CancellationToken cancellationToken)
    {
        var current = watched.Current()?.Number ?? 0;
        Forget(watched, current);
        foreach (var (_, version, rejected) in store.NewestFirst(watched.Name, current))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (version is not null)
            {
                if (Try(watched, version, cancellationToken) is SwapResult.Swapped or SwapResult.Deferred)
                {
                    break;
                }
            }
            else if (rejected is not null && File.Exists(Path.Combine(rejected.Path, ModelFiles.Manifest)))
            {
                // Without a manifest it is a publication under way, and nobody's fault; a damaged manifest is somebody's.
                Reject(watched, rejected.Path, "", rejected.Reason, null);
            }
        }

        watched.Failure = null;
    }

    private SwapResult Try(Watched watched, ModelFolder folder, CancellationToken cancellationToken)
    {
        var fingerprint = Fingerprint(folder.Path);         // before reading: a change during the attempt is a reason to try again
        lock (_lock)
        {
            if (watched.Rejected.TryGetValue(folder.Path, out var rejection) && rejection.Fingerprint == fingerprint)
            {
                return SwapResult.Unchanged;
            }
        }

        try
        {
            ModelStore.Verify(folder);
            var result = watched.Swap(folder, cancellationToken);
            switch (result)
            {
                case SwapResult.Swapped:
                    Log.Swapped(logger, folder.Id, folder.Manifest.Digest);
                    break;
                case SwapResult.Deferred when watched.Waiting != folder.Path:
                    Log.Deferred(logger, folder.Id);
                    break;
            }

            watched.Waiting = result == SwapResult.Deferred ? folder.Path : null;
            return result;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Reject(watched, folder.Path, fingerprint, e.Message, e is ModelException ? null : e);
            return SwapResult.Refused;
        }
    }

    private void Reject(Watched watched, string path, string fingerprint, string reason, Exception? unexpected)
    {
        bool known;
        lock (_lock)
        {
            known = watched.Rejected.TryGetValue(path, out var before) && before.Reason == reason;
            watched.Rejected[path] = (fingerprint, reason);
        }

        if (!known)
        {
            Log.Refused(logger, path, reason, unexpected);
        }
    }

    private void Forget(Watched watched, int current)
    {
        lock (_lock)
        {
            foreach (var path in watched.Rejected.Keys.ToArray())
            {
                if (!Directory.Exists(path) || ModelId.ParseVersion(Path.GetFileName(path.AsSpan())) <= current)
                {
                    watched.Rejected.Remove(path);
                }
            }
        }
    }

    /// <summary>Changes whenever a file of the folder is added, removed, replaced or written to.</summary>
    private static string Fingerprint(string path)
    {
        var text = new StringBuilder();
        foreach (var file in new DirectoryInfo(path).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{file.Name}|{file.Length}|{file.LastWriteTimeUtc.Ticks}\n");
        }

        return text.ToString();
    }

    private sealed class Watched(string name, Func<ModelFolder?> current, Func<ModelFolder, CancellationToken, SwapResult> swap)
    {
        public string Name => name;

        public Func<ModelFolder?> Current => current;

        public Func<ModelFolder, CancellationToken, SwapResult> Swap => swap;

        /// <summary>By folder: what it looked like when it was refused, and why.</summary>
        public Dictionary<string, (string Fingerprint, string Reason)> Rejected { get; } = new(StringComparer.Ordinal);

        /// <summary>Folder whose wait for room has been reported.</summary>
        public string? Waiting { get; set; }

        /// <summary>Reported message of a look that failed as a whole.</summary>
        public string? Failure { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Information, "Model {ModelVersion} is current now ({Digest}).")]
        public static partial void Swapped(ILogger logger, string modelVersion, string digest);

        [LoggerMessage(1002, LogLevel.Error, "Refused the model version in {Folder}: {Reason}")]
        public static partial void Refused(ILogger logger, string folder, string reason, Exception? exception);

        [LoggerMessage(1003, LogLevel.Information, "Model {ModelVersion} waits: too many older versions are still in use.")]
        public static partial void Deferred(ILogger logger, string modelVersion);

        [LoggerMessage(1004, LogLevel.Error, "Cannot look for new versions of {Model}: {Reason}")]
        public static partial void LookFailed(ILogger logger, string model, string reason);
    }
}
