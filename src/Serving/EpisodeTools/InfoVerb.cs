using System.CommandLine;
using System.Globalization;

namespace Serving.EpisodeTools;

/// <summary>"episodes info": what a dataset holds. Stateless.</summary>
internal static class InfoVerb
{
    public static Command Create()
    {
        var folder = EpisodesCommand.Folder();
        var command = new Command("info", "Tells what a dataset holds: splits, shards, episodes, policies, scorecards, times, features.") { folder };
        command.SetAction(parsed => EpisodesCommand.Guard(() => Run(parsed.GetRequiredValue(folder))));
        return command;
    }

    private static int Run(string path)
    {
        var folder = RldsFolder.Open(path);
        var summary = new DatasetSummary(folder);
        var output = Console.Out;
        var versions = Directory.GetDirectories(Path.GetDirectoryName(folder.Path)!).Select(Path.GetFileName)
            .Where(name => name!.Split('.') is { Length: 3 } parts && parts.All(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            .Order(StringComparer.Ordinal);
        output.WriteLine($"{ShownText.Of(folder.Name)} {ShownText.Of(folder.Info?.Version ?? "(no dataset_info.json yet)")}  in {folder.Path}");
        output.WriteLine($"versions    {string.Join(", ", versions)}");
        foreach (var (name, records, listed, shards) in summary.Splits)
        {
            var open = records > listed ? $", {Number(records - listed)} of them in open shards" : "";
            output.WriteLine($"split       {ShownText.Of(name)}: {Number(shards)} shards, {Number(records)} episodes{open}");
        }

        output.WriteLine($"episodes    {Number(summary.Episodes)}{(summary.Invalid > 0 ? $", {Number(summary.Invalid)} of them invalid" : "")}");
        output.WriteLine($"steps       {Number(summary.Steps)}");
        output.WriteLine($"bytes       {Number(summary.FileBytes)} in shards, {Number(summary.PayloadBytes)} of payload");
        Names("policy", summary.Policies);
        Names("scorecard", summary.Scorecards);
        if (summary is { FirstUnixNanoseconds: { } first, LastUnixNanoseconds: { } last })
        {
            output.WriteLine($"time        {DatasetSummary.Time(first)} to {DatasetSummary.Time(last)}");
        }

        foreach (var column in folder.Features is { } features ? FeatureColumn.All(features) : [])
        {
            output.WriteLine($"feature     {Feature(column)}");
        }

        return 0;
    }

    private static void Names(string label, IReadOnlyDictionary<string, long> names)
    {
        foreach (var (name, count) in names)
        {
            Console.Out.WriteLine($"{label,-12}{ShownText.Of(name)}: {Number(count)} episodes");
        }
    }

    private static string Feature(FeatureColumn column)
    {
        var node = column.Node;
        var type = node.Kind is FeatureKind.Tensor ? node.DType : node.Kind.ToString().ToLowerInvariant();
        var shape = node.Shape.Count == 0 ? "" : $"[{string.Join(", ", node.Shape.Select(d => d < 0 ? "?" : Number(d)))}]";
        var encoding = node.Encoding is TensorEncoding.None ? "" : ", " + node.Encoding.ToString().ToLowerInvariant();
        return $"{ShownText.Of(column.Path)}: {string.Concat(Enumerable.Repeat("list of ", column.Lists))}{ShownText.Of(type)}{shape}{encoding}";
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
