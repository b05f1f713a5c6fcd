using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Scoring;
using Spectre.Console;

namespace Serving.Batch;

/// <summary>
/// The verb "score": scores and answers from a file, the same numbers as the server gives. Formats, resuming and exit codes: docs/batch.md.
/// </summary>
public static class ScoreCommand
{
    private const int SomeFailed = 1;
    private const int CannotRun = 2;
    private const int Stopped = 130;

    /// <summary>Lines in flight per row of a batch: enough for a batch of nearly every padded length to fill.</summary>
    private const int LinesPerRow = 128;

    private const int LeastLines = 512;

    public static Command Create()
    {
        var input = new Option<string>("--in")
        {
            Description = "JSON Lines of {\"id\"?, \"source\", \"answer\"}, of OpenAI's batch requests or (with --n) of prompts; a .parquet file; an RLDS folder.",
            Required = true,
        };
        var output = new Option<string>("--out") { Description = "JSON Lines, a .parquet file or (of a log) a folder; a run that was broken off goes on.", Required = true };
        var models = new Option<string?>("--models") { Description = "Registry root [default: Models:Root of the configuration]." };
        var scorecard = new Option<string?>("--scorecard") { Description = "Scorecard to apply [default: Scoring:Scorecard of the configuration]." };
        var batch = new Option<int?>("--batch") { Description = "Most pairs per run of a model; scores do not depend on it." };
        var sourceField = new Option<string>("--source-field") { Description = "Text of the source in an RLDS dataset that is no log of ours.", DefaultValueFactory = _ => "observation/text" };
        var answerField = new Option<string>("--answer-field") { Description = "Text of the answer in it.", DefaultValueFactory = _ => "action/text" };
        var group = new GroupOptions();
        var command = new Command("score", "Scores or answers what a file holds. Settings as the server takes them: --Section:Key=value.")
        {
            input, output, models, scorecard, batch, sourceField, answerField,
        };
        group.AddTo(command);
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var settings = Settings(parsed.GetValue(models), parsed.GetValue(scorecard), parsed.GetValue(batch));
            foreach (var token in parsed.UnmatchedTokens)
            {
                if (Setting(token) is not var (key, value))
                {
                    await Console.Error.WriteLineAsync($"\"{token}\" is neither an option nor a setting (--Section:Key=value); --help lists the options.");
                    return CannotRun;
                }

                settings[key] = value;
            }

            var asked = new ScoreSettings(parsed.GetRequiredValue(input), parsed.GetRequiredValue(output))
            {
                Group = group.Of(parsed),
                SourceField = parsed.GetRequiredValue(sourceField),
                AnswerField = parsed.GetRequiredValue(answerField),
            };
            if (asked.Group is { } draws)
            {
                settings[$"{ModelOptions.Section}:{nameof(ModelOptions.Anchor)}"] = draws.Policy;
                settings[$"{ModelOptions.Section}:{nameof(ModelOptions.Distilled)}"] = draws.Policy;        // no other policy is loaded
            }

            return await RunAsync(asked, settings, cancellationToken);
        });
        return command;
    }

    /// <summary>Lines in flight for batches of so many pairs.</summary>
    internal static int Window(int batch) => Math.Max(LeastLines, batch * LinesPerRow);

    /// <summary>Key and value of "--Section:Key=value"; null for anything else.</summary>
    internal static (string Key, string Value)? Setting(string token)
    {
        var equals = token.IndexOf('=', StringComparison.Ordinal);
        return token.StartsWith("--", StringComparison.Ordinal) && equals > 2 && token[..equals].Contains(':', StringComparison.Ordinal)
            ? (token[2..equals], token[(equals + 1)..])
            : null;
    }

    private static Dictionary<string, string?> Settings(string? models, string? scorecard, int? batch)
    {
        // A file's own window bounds what is in work, so that its lines wait where requests of the many would be refused.
        var settings = new Dictionary<string, string?> { [$"{ScoringOptions.Section}:{nameof(ScoringOptions.AdmissionLimit)}"] = "1000000" };
        if (models is not null)
        {
            settings[$"{ModelOptions.Section}:{nameof(ModelOptions.Root)}"] = Path.GetFullPath(models);
        }

        if (scorecard is not null)
        {
            settings[$"{ScoringOptions.Section}:{nameof(ScoringOptions.Scorecard)}"] = scorecard;
        }

        if (batch is { } rows)
        {
            settings[$"{ScoringOptions.Section}:{nameof(ScoringOptions.MaxBatch)}"] = rows.ToString(CultureInfo.InvariantCulture);
        }

        return settings;
    }

    private static async Task<int> RunAsync(ScoreSettings settings, Dictionary<string, string?> configuration, CancellationToken cancellationToken)
    {
        try
        {
            using var host = BatchHost.Open(configuration);
            var plan = ScorePlan.Of(settings, host);

            // Asked to stop, keep what is done; the program leaves these signals to its verbs.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
            void Stop(PosixSignalContext signal)
            {
                signal.Cancel = true;
                stop.Cancel();
            }

            var summary = await WithProgressAsync(progress => ScoreRun.RunAsync(plan, Window(host.Scoring.MaxBatch), progress, stop.Token));
            await Console.Error.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{summary.Lines} lines in {settings.Output} by {plan.Work.Name}: {summary.Errors} with errors"
                + $"{(summary.Errors > 0 ? $" (see {plan.Paths.Errors})" : "")}, {summary.Resumed} from an earlier run"
                + $"{(summary.Empty > 0 ? $", {summary.Empty} without a preference" : "")}."));
            return summary.Errors == 0 ? 0 : SomeFailed;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Stopped. Run the same command again to go on.");
            return Stopped;
        }
        catch (Exception e) when (e is BatchException or ScorerException or ModelException or OptionsValidationException or IOException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return CannotRun;
        }
    }

    private static async Task<ScoreSummary> WithProgressAsync(Func<IProgress<ScoreProgress>, Task<ScoreSummary>> run)
    {
        if (Console.IsErrorRedirected)
        {
            return await run(new ProgressText(Console.Error, TimeProvider.System));
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context => await run(new ProgressBar(context.AddTask("scoring"))));
    }

    private sealed class ProgressBar(ProgressTask bar) : IProgress<ScoreProgress>
    {
        public void Report(ScoreProgress value)
        {
            bar.MaxValue = Math.Max(1, value.Length);
            bar.Value = value.Position;
        }
    }
}
