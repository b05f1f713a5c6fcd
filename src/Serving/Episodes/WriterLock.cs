namespace Serving.Episodes;

/// <summary>
/// Held by the one process that writes a dataset. The operating system drops it when the process ends, however it ends; the file stays.
/// </summary>
internal sealed class WriterLock : IDisposable
{
    private readonly FileStream _file;

    /// <exception cref="EpisodeLogException">Another process writes there.</exception>
    public WriterLock(DatasetFolder folder)
    {
        try
        {
            _file = new FileStream(folder.LockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new EpisodeLogException(
                $"Episodes cannot be written to '{folder.FullPath}': its lock '{folder.LockPath}' cannot be taken ({e.Message}). If another server "
                + $"writes there, stop it, or set {EpisodeOptions.Section}:{nameof(EpisodeOptions.Root)} to a folder of this one's own.",
                e);
        }
    }

    public void Dispose() => _file.Dispose();
}
