using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>A file that is there whole or not at all: written beside its place, made durable, then renamed. Stateless.</summary>
public static class NewFile
{
    /// <summary>Creates the folders above it; what was written is removed when <paramref name="write"/> fails.</summary>
    public static T Write<T>(string path, Func<FileStream, T> write)
    {
        var folder = Path.GetDirectoryName(path)!;
        DurableFile.CreateFolder(folder);
        var temporary = path + ".tmp";
        try
        {
            T result;
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 20))
            {
                result = write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
            DurableFile.SyncFolder(folder);
            return result;
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
