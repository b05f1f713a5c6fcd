using System.CommandLine;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>"episodes repair": what is damaged goes, with a copy kept, and the counts are made right. Stateless.</summary>
internal static class RepairVerb
{
    public static Command Create()
    {
        var folder = EpisodesCommand.Folder();
        var command = new Command(
            "repair", "Cuts torn tails and damaged records (copies are kept as salvaged-...) and rewrites the counts. No server may be writing.") { folder };
        command.SetAction(parsed => EpisodesCommand.Guard(() => Run(parsed.GetRequiredValue(folder))));
        return command;
    }

    private static int Run(string path)
    {
        var place = RldsFolder.Open(path).Path;
        using var writer = EpisodesCommand.Lock(place);

        // Read again under the lock: until now a server may have been at it.
        var folder = RldsFolder.Open(place);
        var plans = EpisodesCommand.Chain(folder).Select(ShardPlan.Repair).ToArray();
        foreach (var plan in plans)
        {
            foreach (var (cut, copy) in plan.Salvage())
            {
                Console.Out.WriteLine($"{plan.Shard.Name}: cut {cut.Length} bytes from byte {cut.Offset} on, kept as {Path.GetFileName(copy)}: {cut.Why}");
            }

            plan.Apply();
        }

        if (Counted(folder, plans))
        {
            Console.Out.WriteLine($"{folder.Path}: nothing to repair; {plans.Sum(plan => plan.Records)} episodes");
            return 0;
        }

        InfoRewrite.Run(folder, plans);
        Console.Out.WriteLine($"{folder.Path}: {plans.Sum(plan => plan.Records)} episodes in {plans.Length} shards; dataset_info.json rewritten");
        return 0;
    }

    private static bool Counted(RldsFolder folder, ShardPlan[] plans) =>
        folder.Info is { } info
        && plans.All(plan => plan.Cuts.Count == 0 && plan.Shard.Listed == plan.Records)
        && info.Splits.All(split => split.PayloadBytes == plans.Where(plan => plan.Shard.Split == split.Name).Sum(plan => plan.PayloadBytes));
}
