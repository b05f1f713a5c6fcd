using System.CommandLine;
using System.Text.Json;
using Serving.Models;
using Spectre.Console;

namespace Serving.Experiments;

/// <summary>"ab report": the comparison on a terminal, as JSON and as a page. Stateless.</summary>
internal static class ReportVerb
{
    private const int HasProblems = 1;
    private const int PlainWidth = 200;                                // where nobody looks, lines need not be broken

    public static Command Create()
    {
        var places = new AbPlaces();
        var json = new Option<string?>("--json") { Description = "Writes the report of GET /v1/experiments to this file." };
        var html = new Option<string?>("--html") { Description = "Writes one page with plots to this file; it needs nothing from elsewhere." };
        var command = new Command("report", "Shows what was compared, with what outcome, and what was decided. Exit codes: 0 = shown, 1 = shown, but a file could not be read and was named, 2 = cannot be done.")
        {
            json,
            html,
        };
        places.AddTo(command);
        command.SetAction(parsed => AbCommand.Guard(parsed, () => Run(parsed.InvocationConfiguration.Output, places.Of(parsed), parsed.GetValue(json), parsed.GetValue(html))));
        return command;
    }

    private static int Run(TextWriter output, AbSettings settings, string? json, string? html)
    {
        var decisions = new DecisionLog(new ModelStore(settings.Models, TimeProvider.System), TimeProvider.System);
        var report = new ExperimentReports(decisions, settings.Options, settings.Distilled, settings.Episodes).Read();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (output != Console.Out || Console.IsOutputRedirected)
        {
            console.Profile.Width = PlainWidth;
        }

        ReportScreen.Show(report, console);
        if (json is not null)
        {
            File.WriteAllBytes(json, JsonSerializer.SerializeToUtf8Bytes(report, ExperimentJson.Default.ExperimentReport));
        }

        if (html is not null)
        {
            File.WriteAllText(html, ReportPage.Of(report, TimeProvider.System.GetUtcNow()));
        }

        return report.Problems.Count == 0 ? 0 : HasProblems;
    }
}
