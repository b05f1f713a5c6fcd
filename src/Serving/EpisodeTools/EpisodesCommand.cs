using System.CommandLine;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>
/// The verb "episodes": what can be done with a folder of episodes besides serving and training. Exit codes: 0 = done, 1 = done with faults or not found,
/// 2 = cannot be read or must not be changed now, and the reason was told.
/// </summary>
public static class EpisodesCommand
{
    private const int CannotRun = 2;

    /// <summary>For the root command.</summary>
    public static Command Create() => new("episodes", "Looks into, checks, repairs and exports folders of episodes (RLDS).")
    {
        InfoVerb.Create(),
        ShowVerb.Create(),
        VerifyVerb.Create(),
        RepairVerb.Create(),
        ExportVerb.Create(),
        DeleteVerb.Create(),
    };

    internal static Argument<string> Folder() => new("folder") { Description = "Folder with dataset_info.json, or the Episodes:Root above it." };

    /// <summary>Held while a verb changes a folder.</summary>
    /// <exception cref="EpisodeToolException">A server writes there.</exception>
    internal static WriterLock Lock(string folder)
    {
        try
        {
            return new WriterLock(folder);
        }
        catch (EpisodeLogException e)
        {
            throw new EpisodeToolException($"'{folder}' is being written to (its {WriterLock.FileName} is held). Stop the server first, then try again.", e);
        }
    }

    /// <summary>The shards to rewrite: those that are listed, and open ones that continue them without a gap.</summary>
    /// <exception cref="EpisodeToolException">A shard in between is missing, or a file belongs to no count.</exception>
    internal static IReadOnlyList<RldsShard> Chain(RldsFolder folder)
    {
        foreach (var split in folder.Shards.GroupBy(shard => shard.Split))
        {
            var next = 0;
            foreach (var shard in split)
            {
                if (shard.Index != next++)
                {
                    throw new EpisodeToolException(
                        $"'{shard.Path}': shard number {next - 1} of split '{split.Key}' should come here. Put it back, or move this file away.");
                }
            }
        }

        return folder.Shards;
    }

    /// <summary>Runs a verb; what the user can put right is told in one line.</summary>
    internal static int Guard(Func<int> verb)
    {
        try
        {
            return verb();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            Console.Error.WriteLine(ShownText.Of(e.Message, 2000));
            return CannotRun;
        }
    }
}
