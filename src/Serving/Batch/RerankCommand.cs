using System.CommandLine;
using Microsoft.Extensions.Options;
using Serving.EpisodeTools;
using Serving.Models;
using Serving.Scoring;

namespace Serving.Batch;

/// <summary>
/// The verb "episodes rerank": which past answers another scorecard would have changed. Exact: logged scores are taken as they are, and only what the log lacks is scored
/// now. Exit codes: 0 = done, 2 = it cannot be done, and the reason was told.
/// </summary>
public static class RerankCommand
{
    private const int CannotRun = 2;

    /// <summary>For the command "episodes".</summary>
    public static Command Create()
    {
        var folders = new Argument<string[]>("folders")
        {
            Description = "Folders with dataset_info.json, or an Episodes:Root, of which all versions are read.",
            Arity = ArgumentArity.OneOrMore,
        };
        var scorecard = new Option<string>("--scorecard")
        {
            Description = "One of Scoring:Scorecards, a JSON file as {\"entailment\": {\"Weight\": 1, \"VetoBelow\": -3}, \"style\": 0.5}, or entailment=1,style=0.5.",
            Required = true,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var examples = new Option<int>("--examples") { Description = "Changed answers to show, those that gain most.", DefaultValueFactory = _ => 5 };
        var models = new Option<string?>("--models") { Description = "Registry root, for scores that the log lacks [default: Models:Root of the configuration]." };
        var command = new Command("rerank", "Tells which past answers another scorecard would have changed. Settings as the server takes them: --Section:Key=value.")
        {
            folders, scorecard, json, examples, models,
        };
        examples.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--examples must not be negative.");
            }
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            // A setting looks like one more folder to the parser.
            var given = parsed.GetRequiredValue(folders).ToLookup(word => ScoreCommand.Setting(word) is not null);
            try
            {
                var (settings, name) = RerankScorecard.Read(parsed.GetRequiredValue(scorecard));
                if (parsed.GetValue(models) is { } root)
                {
                    settings[$"{ModelOptions.Section}:{nameof(ModelOptions.Root)}"] = Path.GetFullPath(root);
                }

                foreach (var (key, value) in given[true].Select(word => ScoreCommand.Setting(word)!.Value))
                {
                    settings[key] = value;
                }

                var report = await RunAsync([.. given[false]], name, settings, parsed.GetValue(examples), cancellationToken);
                Write(report, parsed.GetValue(json));
                return 0;
            }
            catch (Exception e) when (e is BatchException or ScorerException or ModelException or OptionsValidationException or IOException or UnauthorizedAccessException or InvalidDataException)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return CannotRun;
            }
        });
        return command;
    }

    private static async Task<RerankReport> RunAsync(
        string[] paths, string name, Dictionary<string, string?> settings, int examples, CancellationToken cancellationToken)
    {
        RldsFolder[] folders = [.. paths.SelectMany(RldsFolder.OpenLog)];
        if (Array.Find(folders, folder => !folder.IsOurs) is { } other)
        {
            throw new BatchException($"'{other.Path}' is no log of Serving: its records have no candidates to rank. 'episodes show' reads it.");
        }

        using var host = BatchHost.Build(settings);
        var card = Scorecard.From(host.Scoring);
        var (work, summary, invalid) = (new RerankWork(card, host.Service<ScorersOnDemand>()), new RerankSummary(examples), 0L);
        var episodes = folders.SelectMany(LoggedEpisodes.Read).Where(episode =>
        {
            invalid += episode.Invalid ? 1 : 0;
            return !episode.Invalid;
        });
        await foreach (var episode in work.RunAsync(episodes, cancellationToken))
        {
            summary.Add(episode);
        }

        return new RerankReport(name, card, [.. folders.Select(folder => folder.Path)], summary, invalid, work.Scored);
    }

    private static void Write(RerankReport report, bool json)
    {
        if (!json)
        {
            report.WriteText(Console.Out);
            return;
        }

        using var bytes = new MemoryStream();
        report.WriteJson(bytes);
        Console.Out.Write(System.Text.Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length));
    }
}
