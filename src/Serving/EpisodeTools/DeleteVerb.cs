using System.CommandLine;

namespace Serving.EpisodeTools;

/// <summary>"episodes delete": takes episodes out of their shards. Stateless.</summary>
internal static class DeleteVerb
{
    private const int SomeNotFound = 1;

    public static Command Create()
    {
        var folder = EpisodesCommand.Folder();
        var ids = new Option<string[]>("--id") { Description = "episode_id; several may follow.", Required = true, AllowMultipleArgumentsPerToken = true };
        var models = new Option<string?>("--models") { Description = "Registry (Models:Root); the versions that were trained on the episodes are listed." };
        var command = new Command("delete", "Deletes episodes: rewrites the shards that hold them. No server may be writing.") { folder, ids, models };
        command.SetAction(parsed => EpisodesCommand.Guard(() =>
            Run(parsed.GetRequiredValue(folder), parsed.GetRequiredValue(ids), parsed.GetValue(models))));
        return command;
    }

    private static int Run(string path, string[] ids, string? models)
    {
        var place = RldsFolder.Open(path).Path;
        using var writer = EpisodesCommand.Lock(place);
        var folder = RldsFolder.Open(place);
        if (folder.Info is null)
        {
            throw new EpisodeToolException($"'{folder.InfoPath}' is missing or cannot be used. Nothing was deleted; run 'episodes repair' first.");
        }

        var found = new HashSet<string>(StringComparer.Ordinal);
        var wanted = ids.ToHashSet(StringComparer.Ordinal);
        var first = FirstOf(folder, wanted);                           // before anything moves
        var feedback = DeleteFeedback(folder, wanted);
        var plans = EpisodesCommand.Chain(folder).Select(shard => ShardPlan.Delete(shard, wanted, found)).ToArray();
        foreach (var plan in plans)
        {
            plan.Apply();
        }

        if (found.Count > 0)
        {
            InfoRewrite.Run(folder, plans);
        }

        var changed = plans.Count(plan => plan.Cuts.Count > 0);
        Console.Out.WriteLine($"{folder.Path}: {plans.Sum(plan => plan.Cuts.Count)} episodes deleted, {changed} shards rewritten{(feedback > 0 ? $"; {feedback} values of feedback deleted" : "")}");
        if (Directory.EnumerateFiles(folder.Path, "salvaged-*").Any())
        {
            Console.Out.WriteLine("Copies that a repair kept (salvaged-...) may still hold them; delete those files yourself.");
        }

        if (first is { } number)
        {
            TellModels(models, number);
        }

        foreach (var id in wanted.Except(found))
        {
            Console.Error.WriteLine($"There is no episode with the id '{ShownText.Of(id)}'.");
        }

        return found.Count == wanted.Count ? 0 : SomeNotFound;
    }

    /// <summary>What was said of the episodes goes first: a crash in between leaves episodes that can be deleted again, never feedback on nothing.</summary>
    private static int DeleteFeedback(RldsFolder episodes, HashSet<string> wanted)
    {
        if (LoggedFeedback.Folder(episodes) is not { } place)
        {
            return 0;
        }

        using var writer = EpisodesCommand.Lock(place.Path);
        var folder = RldsFolder.Open(place.Path);
        var plans = EpisodesCommand.Chain(folder).Select(shard => ShardPlan.Delete(shard, wanted, new HashSet<string>())).ToArray();
        if (!plans.Any(plan => plan.Cuts.Count > 0))
        {
            return 0;
        }

        foreach (var plan in plans)
        {
            plan.Apply();
        }

        InfoRewrite.Run(folder, plans);
        return plans.Sum(plan => plan.Cuts.Count);
    }

    /// <summary>The lowest number of a record that goes, counted over the whole log as a trainer reads it: the folders of earlier versions come first.</summary>
    private static long? FirstOf(RldsFolder folder, HashSet<string> wanted)
    {
        var number = folder.IsOurs
            ? Directory.GetDirectories(Path.GetDirectoryName(folder.Path)!)
                .Where(other => Version.TryParse(Path.GetFileName(other), out var version) && Version.TryParse(Path.GetFileName(folder.Path), out var own) && version < own)
                .Sum(other => RldsFolder.Open(other).Info?.Splits.Sum(split => split.ShardLengths.Sum()) ?? 0)
            : 0;
        foreach (var (_, _, payload) in RecordSource.Read(folder))
        {
            if (EpisodeIdentity.Of(payload) is { } id && wanted.Contains(id))
            {
                return number;
            }

            number++;
        }

        return null;
    }

    private static void TellModels(string? models, long number)
    {
        if (models is null)
        {
            Console.Out.WriteLine("Model versions that were trained on them know them still; --models <registry> lists those.");
            return;
        }

        var versions = ModelsThatSaw.Of(models, number).ToArray();
        Console.Out.WriteLine(versions.Length == 0 ? "No model version in the registry was trained on them." : "Model versions that know them still:");
        foreach (var version in versions)
        {
            Console.Out.WriteLine("  " + ShownText.Of(version));
        }
    }
}
