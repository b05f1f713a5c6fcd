namespace Serving.Episodes;

/// <summary>
/// Held by the one process that writes a dataset. The operating system drops it when the process ends, however it ends; the file stays.
/// </summary>
public sealed class WriterLock : IDisposable
{
    /// <summary>Its name in the dataset's folder.</summary>
    public const string FileName = "writer.lock";

    private readonly FileStream _file;

    /// <param name="folder">The folder that holds dataset_info.json and the shards.</param>
    /// <exception cref="EpisodeLogException">Another process writes there.</exception>
    public WriterLock(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new EpisodeLogException(
                $"Records cannot be written to '{folder}': its lock '{path}' cannot be taken ({e.Message}). If another server "
                + $"writes there, stop it, or set {EpisodeOptions.Section}:{nameof(EpisodeOptions.Root)} to a folder of this one's own.",
                e);
        }
    }

    /// <summary>Lets the next one write.</summary>
    public void Dispose() => _file.Dispose();
}
