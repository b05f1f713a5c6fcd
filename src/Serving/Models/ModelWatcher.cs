using System.Globalization;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Serving.Models;

/// <summary>
/// Looks for newer versions and new decisions of the watched names, verifies digests, has versions loaded and gives them their roles. Also does the first
/// load of a name. Loads in one background thread at a time; a bad folder changes nothing, is reported once and left alone until one of its files changes.
/// </summary>
public sealed partial class ModelWatcher(
    ModelStore store, DecisionLog decisions, IOptions<ModelOptions> options, TimeProvider time, ILogger<ModelWatcher> logger)
    : BackgroundService
{
    private readonly Lock _lock = new();                    // guards _watches, _wake and every Watched.Rejected
    private readonly List<Watched> _watches = [];
    private TaskCompletionSource _wake = NewSignal();

    /// <summary>Watches a name from now on; it is looked at at once.</summary>
    public void Watch(string name, VersionHolder holder)
    {
        lock (_lock)
        {
            _watches.Add(new Watched(name, options.Value.IsGated(name), holder));
            _wake.TrySetResult();
        }
    }

    /// <summary>
    /// Follows the decisions about a name before it returns, as far as the versions in question are in memory; what must be loaded first follows in the
    /// background. For whoever has just appended a decision; others' decisions are seen at the next look. Never throws.
    /// </summary>
    public void LookNow(string name)
    {
        foreach (var watched in Watches().Where(watched => watched.Name == name))
        {
            Guarded(watched, () => Arrange(watched), CancellationToken.None);
        }

        lock (_lock)
        {
            _wake.TrySetResult();
        }
    }

    /// <summary>What the decisions about a watched name came to at the last look.</summary>
    public Deployment Deployment(string name) => Watches().FirstOrDefault(watched => watched.Name == name)?.History.Deployment ?? Models.Deployment.None;

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
        foreach (var watched in Watches())
        {
            Guarded(watched, () => Look(watched, cancellationToken), cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.PollInterval, time);
        var tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
        while (true)
        {
            Task wake;
            lock (_lock)
            {
                _wake = NewSignal();                        // before looking: what is asked for during this look brings on the next
                wake = _wake.Task;
            }

            Look(stoppingToken);
            await Task.WhenAny(tick, wake);
            if (tick.IsCompleted)
            {
                await tick;                                 // throws when the host stops
                tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
            }
        }
    }

    private Watched[] Watches()
    {
        lock (_lock)
        {
            return [.. _watches];
        }
    }

    /// <summary>The registry itself may be unreadable (unmounted, no permission): what is in use stays, the next look may work.</summary>
    private void Guarded(Watched watched, Action look, CancellationToken cancellationToken)
    {
        try
        {
            look();
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            if (watched.Failure != e.Message)
            {
                watched.Failure = e.Message;
                Log.LookFailed(logger, watched.Name, e.Message);
            }
        }
    }

    private void Look(Watched watched, CancellationToken cancellationToken)
    {
        Load(watched, choice => choice.Current(), cancellationToken);
        Load(watched, choice => choice.InUse is { } current ? choice.Candidates(current) : [], cancellationToken);
        Forget(watched, Arrange(watched));
        watched.Failure = null;
    }

    /// <summary>Has the first version that works loaded and put to use, unless that is so already.</summary>
    private void Load(Watched watched, Func<VersionChoice, IEnumerable<int>> order, CancellationToken cancellationToken)
    {
        var choice = Arrange(watched);
        foreach (var number in order(choice))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (watched.Holder.Held().Find(number) is not null)
            {
                return;
            }

            var (version, rejected) = store.Open(watched.Name, number);
            if (version is null)
            {
                // Without a manifest it is a publication under way, and nobody's fault; a damaged manifest is somebody's, and so is a decision for nothing.
                if (number == choice.Wanted || File.Exists(Path.Combine(rejected!.Path, ModelFiles.Manifest)))
                {
                    Reject(watched, rejected!.Path, new Rejection("", rejected.Reason, Compared: false), null);
                }

                continue;
            }

            // What somebody has decided for is not compared with what they decided to leave.
            var compare = number != choice.Wanted && number > choice.InUse;
            if (Try(watched, version, compare, cancellationToken) is SwapResult.Loaded or SwapResult.Deferred or SwapResult.Busy)
            {
                Arrange(watched);
                return;
            }
        }
    }

    /// <summary>Gives the versions in memory the roles that decisions and version numbers say; returns what that was found by.</summary>
    private VersionChoice Arrange(Watched watched)
    {
        lock (watched.Arranging)
        {
            Read(watched);
            var held = watched.Holder.Held();
            var choice = Choose(held.Current?.Number);
            var current = choice.Current().Select(held.Find).FirstOrDefault(found => found is not null) ?? held.Current;
            if (current is null)
            {
                return choice;
            }

            choice = Choose(current.Number);
            var candidate = choice.Candidates(current.Number).Select(held.Find).FirstOrDefault(found => found is not null);
            var kept = choice.Kept is { } number && number != current.Number ? held.Find(number) : null;
            if (current != held.Current || candidate != held.Candidate || held.Others.Any(other => other != kept))
            {
                watched.Holder.Arrange(current, candidate, kept);
            }

            if (current != held.Current)
            {
                Log.Swapped(logger, current.Id, current.Manifest.Digest);
            }

            if (candidate is not null && candidate != held.Candidate)
            {
                Log.Compared(logger, candidate.Id, current.Id);
            }

            return choice;
        }

        VersionChoice Choose(int? current) => new(watched.History.Deployment, store.Numbers(watched.Name), current, watched.Gated);
    }

    /// <summary>Reads the decisions when there are others than at the last look; a damaged one is told once.</summary>
    private void Read(Watched watched)
    {
        var fingerprint = decisions.Fingerprint(watched.Name);
        if (fingerprint == watched.Decisions)
        {
            return;
        }

        var (first, before) = (watched.Decisions is null, watched.History);
        watched.History = decisions.Read(watched.Name);
        watched.Decisions = fingerprint;
        foreach (var decision in watched.History.Decisions.Where(decision => !first && decision.Number >= before.Next))
        {
            Log.Decided(logger, watched.Name, decision.Number, DecisionJson.Word(decision.Kind), decision.Version, decision.By, decision.Reason);
        }

        foreach (var rejected in watched.History.Rejected.Except(before.Rejected))
        {
            Log.DecisionRefused(logger, rejected.Path, rejected.Reason);
        }
    }

    private SwapResult Try(Watched watched, ModelFolder folder, bool compare, CancellationToken cancellationToken)
    {
        var fingerprint = Fingerprint(folder.Path);         // before reading: a change during the attempt is a reason to try again
        lock (_lock)
        {
            if (watched.Rejected.TryGetValue(folder.Path, out var rejection) && rejection.Fingerprint == fingerprint && (compare || !rejection.Compared))
            {
                return SwapResult.Unchanged;
            }
        }

        try
        {
            ModelStore.Verify(folder);
            var result = watched.Holder.Load(folder, compare, cancellationToken);
            if (result == SwapResult.Deferred && watched.Waiting != folder.Path)
            {
                Log.Deferred(logger, folder.Id);
            }

            watched.Waiting = result == SwapResult.Deferred ? folder.Path : null;
            return result;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Reject(watched, folder.Path, new Rejection(fingerprint, e.Message, compare), e is ModelException ? null : e);
            return SwapResult.Refused;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Reject(Watched watched, string path, Rejection rejection, Exception? unexpected)
    {
        bool known;
        lock (_lock)
        {
            known = watched.Rejected.TryGetValue(path, out var before) && before.Reason == rejection.Reason;
            watched.Rejected[path] = rejection;
        }

        if (!known)
        {
            Log.Refused(logger, path, rejection.Reason, unexpected);
        }
    }

    private void Forget(Watched watched, VersionChoice choice)
    {
        lock (_lock)
        {
            foreach (var path in watched.Rejected.Keys.ToArray())
            {
                var number = ModelId.ParseVersion(Path.GetFileName(path.AsSpan()));
                if (number != choice.Wanted && (!Directory.Exists(path) || number <= (choice.InUse ?? 0)))
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

    /// <param name="Fingerprint">What the folder looked like.</param>
    /// <param name="Reason">What is wrong.</param>
    /// <param name="Compared">Whether it was compared with the version in use, so that it may pass without.</param>
    private sealed record Rejection(string Fingerprint, string Reason, bool Compared);

    private sealed class Watched(string name, bool gated, VersionHolder holder)
    {
        public string Name => name;

        public bool Gated => gated;

        public VersionHolder Holder => holder;

        /// <summary>Held while roles are given, never while a version loads.</summary>
        public Lock Arranging { get; } = new();

        /// <summary>The decisions of the last look, and what their files looked like.</summary>
        public DecisionHistory History { get; set; } = DecisionHistory.Empty;

        public string? Decisions { get; set; }

        /// <summary>By folder: why it was refused.</summary>
        public Dictionary<string, Rejection> Rejected { get; } = new(StringComparer.Ordinal);

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

        [LoggerMessage(1005, LogLevel.Information, "Model {ModelVersion} is a candidate now, compared with {Current}.")]
        public static partial void Compared(ILogger logger, string modelVersion, string current);

        [LoggerMessage(1007, LogLevel.Information, "Decision {Number} about {Model}: {Kind} {Version}, by {By}: {Reason}")]
        public static partial void Decided(ILogger logger, string model, int number, string kind, int version, string by, string reason);

        [LoggerMessage(1006, LogLevel.Error, "Ignored the decision {File}: {Reason}")]
        public static partial void DecisionRefused(ILogger logger, string file, string reason);

        [LoggerMessage(1004, LogLevel.Error, "Cannot look for new versions of {Model}: {Reason}")]
        public static partial void LookFailed(ILogger logger, string model, string reason);
    }
}
