using System.CommandLine;

namespace Serving.EpisodeTools;

/// <summary>"episodes verify": reads everything and names each fault with its place. Stateless.</summary>
internal static class VerifyVerb
{
    private const int HasFaults = 1;

    public static Command Create()
    {
        var folder = EpisodesCommand.Folder();
        var command = new Command("verify", "Checks every frame, record, count and rule; exit code 0 = sound, 1 = faults, 2 = cannot be read.") { folder };
        command.SetAction(parsed => EpisodesCommand.Guard(() => Run(parsed.GetRequiredValue(folder))));
        return command;
    }

    private static int Run(string path)
    {
        var folder = RldsFolder.Open(path);
        var report = new DatasetVerifier(folder).Run();
        foreach (var finding in report.Findings)
        {
            Console.Out.WriteLine(ShownText.Of(finding.ToString(), 2000));
        }

        var more = report.Faults + report.Notes - report.Findings.Count;
        if (more > 0)
        {
            Console.Out.WriteLine($"... and {more} more");
        }

        Console.Out.WriteLine(FormattableString.Invariant(
            $"{folder.Path}: {report.Shards:N0} shards, {report.Records:N0} episodes, {report.Steps:N0} steps, {report.Bytes:N0} bytes: ")
            + (report.IsSound ? "sound" : $"{report.Faults} faults") + (report.Notes > 0 ? $", {report.Notes} notes" : ""));
        return report.IsSound ? 0 : HasFaults;
    }
}
