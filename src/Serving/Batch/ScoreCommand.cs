using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Scoring;
using Spectre.Console;

namespace Serving.Batch;

/// <summary>
/// The verb "score": JSON Lines of pairs in, JSON Lines of scores out, the same numbers as the server gives. Exit codes: 0 = every line scored,
/// 1 = some lines report an error, 2 = the run could not start or go on, 130 = stopped (run it again to go on).
/// </summary>
public static class ScoreCommand
{
    private const int SomeFailed = 1;
    private const int CannotRun = 2;
    private const int Stopped = 130;

    /// <summary>Lines in flight per row of a batch: enough for a batch of every padded length to fill.</summary>
    private const int LinesPerRow = 32;

    public static Command Create()
    {
        var input = new Option<string>("--in")
        {
            Description = "JSON Lines of {\"id\"?, \"source\", \"answer\"}; other fields are passed on.",
            Required = true,
        };
        var output = new Option<string>("--out")
        {
            Description = "JSON Lines to write; when it exists, the run goes on behind its last line.",
            Required = true,
        };
        var models = new Option<string?>("--models") { Description = "Registry root [default: Models:Root of the configuration]." };
        var scorecard = new Option<string?>("--scorecard") { Description = "Scorecard to apply [default: Scoring:Scorecard of the configuration]." };
        var batch = new Option<int?>("--batch") { Description = "Most pairs per run of a model; scores do not depend on it." };
        var command = new Command("score", "Scores the answers of a file. Settings as the server takes them: --Section:Key=value.")
        {
            input, output, models, scorecard, batch,
        };
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

            return await RunAsync(parsed.GetRequiredValue(input), parsed.GetRequiredValue(output), settings, cancellationToken);
        });
        return command;
    }

    /// <summary>Key and value of "--Section:Key=value"; null for anything else.</summary>
    private static (string Key, string Value)? Setting(string token)
    {
        var equals = token.IndexOf('=', StringComparison.Ordinal);
        return token.StartsWith("--", StringComparison.Ordinal) && equals > 2 && token[..equals].Contains(':', StringComparison.Ordinal)
            ? (token[2..equals], token[(equals + 1)..])
            : null;
    }

    private static Dictionary<string, string?> Settings(string? models, string? scorecard, int? batch)
    {
        var settings = new Dictionary<string, string?>();
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
            settings[$"{ScoringOptions.Section}:{nameof(ScoringOptions.MaxBatch)}"] = rows.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return settings;
    }

    private static async Task<int> RunAsync(string input, string output, Dictionary<string, string?> settings, CancellationToken cancellationToken)
    {
        try
        {
            using var host = Host(settings);
            var scorecards = host.Services.GetRequiredService<Scorecards>();
            scorecards.Load();
            var scorer = scorecards.Default;
            var rows = host.Services.GetRequiredService<IOptions<ScoringOptions>>().Value.MaxBatch;
            var job = new ScoreJob(scorer, Math.Max(256, rows * LinesPerRow));

            // Asked to stop, keep what is scored; the program leaves these signals to its verbs.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
            void Stop(PosixSignalContext signal)
            {
                signal.Cancel = true;
                stop.Cancel();
            }

            var summary = await WithProgressAsync(input, progress => job.RunAsync(input, output, progress, stop.Token));
            await Console.Error.WriteLineAsync(
                $"{summary.Lines} lines in {output} by scorecard \"{scorer.Scorecard}\": "
                + $"{summary.Errors} with errors, {summary.Resumed} from an earlier run.");
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

    /// <summary>The server's configuration and registrations, not started.</summary>
    private static IHost Host(Dictionary<string, string?> settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.ClearProviders();
        builder.AddModels().AddScoring();
        return builder.Build();
    }

    private static async Task<ScoreSummary> WithProgressAsync(string input, Func<IProgress<long>?, Task<ScoreSummary>> run)
    {
        if (Console.IsErrorRedirected || !File.Exists(input))
        {
            return await run(null);
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask("scoring", maxValue: Math.Max(1, new FileInfo(input).Length));
                return await run(new BarProgress(bar));
            });
    }

    private sealed class BarProgress(ProgressTask bar) : IProgress<long>
    {
        public void Report(long value) => bar.Value = value;
    }
}
