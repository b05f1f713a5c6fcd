using Serving.Models;

namespace Serving.Trainer.Loop;

/// <summary>
/// A run's folder while one process works in it: nobody else does meanwhile, and the run has an identity by which its publication is known. The system drops the lock
/// when the process ends, however it ends.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    /// <summary>Field of "training" in a manifest.</summary>
    public const string IdentityField = "run";

    private const string LockFile = "run.lock";
    private const string IdentityFile = "run.id";

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _lock;

    private RunFolder(FileStream file, string identity) => (_lock, Identity) = (file, identity);

    /// <summary>Names this run among all others; the same after a resume.</summary>
    public string Identity { get; }

    /// <summary>Waits for a process that is about to end.</summary>
    /// <param name="path">Made when there is none.</param>
    /// <param name="resume">Keep the identity of the run that lies there.</param>
    /// <param name="patience">Longest wait.</param>
    /// <param name="time">For <paramref name="patience"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidOperationException">Another process works there.</exception>
    public static RunFolder Take(string path, bool resume, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(path);
        var begun = time.GetTimestamp();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return new RunFolder(new FileStream(Path.Combine(path, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None), IdentityIn(path, resume));
            }
            catch (IOException e) when (time.GetElapsedTime(begun) >= patience)
            {
                throw new InvalidOperationException($"{path}: another trainer works in this folder. Wait for its end, or name another folder with --run.", e);
            }
            catch (IOException)
            {
                cancellationToken.WaitHandle.WaitOne(_pause);
            }
        }
    }

    /// <summary>The version that this run has published already: a kill between publication and exit leaves a run that looks unfinished.</summary>
    public ModelFolder? PublishedAs(ModelStore store, string name) =>
        store.Versions(name).LastOrDefault(version => (string?)version.Manifest.Training?[IdentityField] == Identity);

    public void Dispose() => _lock.Dispose();

    private static string IdentityIn(string path, bool resume)
    {
        var file = Path.Combine(path, IdentityFile);
        if (resume && File.Exists(file) && File.ReadAllText(file) is { Length: > 0 } known)
        {
            return known;
        }

        var identity = $"{Guid.CreateVersion7():N}";
        File.WriteAllText(file, identity);
        return identity;
    }
}
