using System.Globalization;
using System.Text;

namespace Serving.Models;

/// <summary>All decisions about one name. Immutable.</summary>
/// <param name="Decisions">In the order of their numbers; damaged ones are left out.</param>
/// <param name="Deployment">What they come to.</param>
/// <param name="Rejected">Files among them that are no decisions, and why.</param>
public sealed record DecisionHistory(IReadOnlyList<Decision> Decisions, Deployment Deployment, IReadOnlyList<RejectedDecision> Rejected)
{
    /// <summary>Nothing was decided yet.</summary>
    public static DecisionHistory Empty { get; } = new([], Deployment.None, []);

    /// <summary>The number that the next decision gets.</summary>
    internal int Next { get; init; } = 1;
}

/// <summary>A file in the folder of decisions that is none, and is ignored.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Reason">What is wrong and what to do; ends in a full stop.</param>
public sealed record RejectedDecision(string Path, string Reason);

/// <summary>
/// The decisions about each name of a registry, one file each: models/&lt;name&gt;/decisions/&lt;number&gt;.json. Stateless over the file system: any
/// number of processes may read and append at once, and each sees the same order. Thread-safe.
/// </summary>
public sealed class DecisionLog(ModelStore store, TimeProvider time)
{
    /// <summary>Folder of the decisions, beside the versions of a name.</summary>
    internal const string Folder = "decisions";

    private const string Extension = ".json";
    private const string UnfinishedPrefix = ".unfinished-";

    /// <summary>Leftovers of dead processes are removed only at this age.</summary>
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(1);

    /// <summary>Everything that was decided about a name; empty when nothing was.</summary>
    /// <exception cref="ModelException">It is no model name, or the folder cannot be read.</exception>
    public DecisionHistory Read(string name)
    {
        var decisions = new List<Decision>();
        var rejected = new List<RejectedDecision>();
        var next = 1;
        foreach (var file in Files(name))
        {
            if (NumberOf(file.Name) is not { } number)
            {
                rejected.Add(new RejectedDecision(file.FullName, $"{file.FullName}: not a decision (<number>{Extension}), so it is ignored; move it elsewhere."));
                continue;
            }

            next = Math.Max(next, checked(number + 1));
            try
            {
                decisions.Add(DecisionJson.Read(file.FullName, number));
            }
            catch (ModelException e)
            {
                rejected.Add(new RejectedDecision(
                    file.FullName, $"{e.Message} This decision is ignored: restore the file, or delete it and decide again (models --help)."));
            }
        }

        decisions.Sort((one, other) => one.Number.CompareTo(other.Number));
        return new DecisionHistory(decisions, Deployment.Of(decisions), rejected) { Next = next };
    }

    /// <summary>
    /// Appends a decision durably and returns it with its number and time. Its file appears whole or not at all, and never replaces another.
    /// </summary>
    /// <exception cref="ModelException">There is no such name, or the file cannot be written.</exception>
    public Decision Append(string name, Decision decision) => Append(name, _ => decision);

    /// <summary>
    /// The same for a decision that follows from those before it: <paramref name="decide"/> is asked again when another process was faster. What it
    /// throws is passed on, and nothing is appended.
    /// </summary>
    /// <exception cref="ModelException">There is no such name, or the file cannot be written.</exception>
    public Decision Append(string name, Func<DecisionHistory, Decision> decide)
    {
        ArgumentNullException.ThrowIfNull(decide);
        var home = store.HomeOf(name);
        if (!Directory.Exists(home))
        {
            throw store.Missing(name);
        }

        try
        {
            var folder = Path.Combine(home, Folder);
            Directory.CreateDirectory(folder);
            DiskSync.Folder(home);
            RemoveAbandoned(folder);
            while (true)
            {
                var history = Read(name);
                var decision = decide(history) with { Number = history.Next, Time = time.GetUtcNow() };
                if (TryWrite(folder, Checked(decision)))
                {
                    return decision;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"The decision about \"{name}\" cannot be written, so nothing has changed: {e.Message}", e);
        }
    }

    /// <summary>Changes whenever a decision of a name is added, removed or written to.</summary>
    internal string Fingerprint(string name)
    {
        var text = new StringBuilder();
        foreach (var file in Files(name))
        {
            text.Append(CultureInfo.InvariantCulture, $"{file.Name}|{(file as FileInfo)?.Length}|{file.LastWriteTimeUtc.Ticks}\n");
        }

        return text.ToString();
    }

    private FileSystemInfo[] Files(string name)
    {
        var folder = new DirectoryInfo(Path.Combine(store.HomeOf(name), Folder));
        try
        {
            return folder.Exists
                ? [.. folder.EnumerateFileSystemInfos()
                    .Where(file => !file.Name.StartsWith('.'))
                    .OrderBy(file => file.Name, StringComparer.Ordinal)]
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{folder.FullName}: the decisions cannot be read ({e.Message}).", e);
        }
    }

    private static Decision Checked(Decision decision) => decision switch
    {
        { Version: < 1 } => throw new ModelException($"A decision is about a version from 1 on, not {decision.Version}."),
        { By.Length: 0 } or { Reason.Length: 0 } => throw new ModelException("A decision says who made it and why."),
        _ => decision,
    };

    /// <summary>False when another process has taken the number.</summary>
    private static bool TryWrite(string folder, Decision decision)
    {
        var text = DecisionJson.Write(decision);
        var unfinished = Path.Combine(folder, $"{UnfinishedPrefix}{Guid.CreateVersion7(decision.Time):N}");
        var target = Path.Combine(folder, ModelId.Text(decision.Number) + Extension);
        try
        {
            using (var file = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                file.Write(Encoding.UTF8.GetBytes(text));
                file.Flush(flushToDisk: true);
            }

            HardLink.Create(unfinished, target);                 // whole, and never over another: .NET's move looks first and may then overwrite
            DiskSync.Folder(folder);
            return true;
        }
        catch (IOException) when (Path.Exists(target))
        {
            return false;
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    private void RemoveAbandoned(string folder)
    {
        foreach (var leftover in Directory.EnumerateFiles(folder, UnfinishedPrefix + "*"))
        {
            if (time.GetUtcNow() - File.GetLastWriteTimeUtc(leftover) > _abandoned)
            {
                File.Delete(leftover);
            }
        }
    }

    private static int? NumberOf(string file) =>
        file.EndsWith(Extension, StringComparison.Ordinal) ? ModelId.ParseVersion(file.AsSpan(0, file.Length - Extension.Length)) : null;
}
