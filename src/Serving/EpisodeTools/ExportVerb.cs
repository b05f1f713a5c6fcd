using System.CommandLine;
using System.Globalization;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>"episodes export": a log in the words of other tools. Stateless.</summary>
internal static class ExportVerb
{
    private static readonly string[] _formats = ["trl", "jsonl", "parquet", "rlds-token"];

    public static Command Create()
    {
        var folder = EpisodesCommand.Folder();
        var to = new Option<string>("--to")
        {
            Description = "trl: preference pairs, best against worst; jsonl: a line per episode with all candidates; parquet: a row per candidate; "
                + "rlds-token: an RLDS folder whose steps are tokens.",
            Required = true,
        };
        to.AcceptOnlyFromAmong(_formats);
        var output = new Option<string>("--out") { Description = "File to write (rlds-token: folder); it must not exist yet.", Required = true };
        var command = new Command("export", "Writes the episodes for other tools.") { folder, to, output };
        command.SetAction(parsed => EpisodesCommand.Guard(() => Run(
            parsed.GetRequiredValue(folder), parsed.GetRequiredValue(to), Path.GetFullPath(parsed.GetRequiredValue(output)))));
        return command;
    }

    private static int Run(string path, string format, string output)
    {
        var folder = RldsFolder.Open(path);
        if (!folder.IsOurs)
        {
            throw new EpisodeToolException(
                $"'{folder.Path}' is no log of Serving: its records have no candidates with totals, which \"{format}\" is made of. 'episodes show' reads it.");
        }

        if (File.Exists(output) || Directory.Exists(output))
        {
            throw new EpisodeToolException($"'{output}' exists already and is not overwritten. Name another place, or remove it first.");
        }

        var episodes = LoggedEpisodes.Read(folder);
        var (written, what, skipped) = format switch
        {
            "trl" => PreferenceExport.Write(episodes, output),
            "parquet" => ParquetExport.Write(() => LoggedEpisodes.Read(folder), output),
            "rlds-token" => TokenExport.Write(episodes, output),
            _ => EpisodeLinesExport.Write(episodes, LoggedFeedback.Read(folder), output),
        };
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{written:N0} {what} in {output}{(skipped.Length > 0 ? "; " + skipped : "")}"));
        return 0;
    }
}
