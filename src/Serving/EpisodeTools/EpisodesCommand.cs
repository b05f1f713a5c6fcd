using System.CommandLine;

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
    };

    internal static Argument<string> Folder() => new("folder") { Description = "Folder with dataset_info.json, or the Episodes:Root above it." };

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
