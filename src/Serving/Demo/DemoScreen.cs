using System.Globalization;
using Spectre.Console;

namespace Serving.Demo;

/// <summary>Progress bars while the demo runs, and its closing table. One step at a time.</summary>
internal sealed class DemoScreen(IAnsiConsole console)
{
    /// <summary>Runs one step under a bar; the step calls the action it is given once for each of its <paramref name="parts"/>.</summary>
    public Task StepAsync(string title, int parts, Func<Action, Task> step) => console.Progress()
        .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
        .StartAsync(async context =>
        {
            var bar = context.AddTask(title, maxValue: parts);
            await step(() => bar.Increment(1));
            bar.Value = parts;
        });

    public void Show(DemoReport report)
    {
        var table = new Table().AddColumns("answer", "policy", Markup.Escape("scorecard, mean [95 % interval]"), "tokens per answer");
        table.AddRow("one sample, before", Markup.Escape(report.PolicyBefore), Markup.Escape($"{report.Before}"), Number(report.TokensPerAnswer));
        table.AddRow("one sample, after", Markup.Escape(report.PolicyAfter), Markup.Escape($"{report.After}"), Number(report.TokensPerAnswer));
        table.AddRow("Best-of-N on the anchor", "anchor", Markup.Escape($"{report.BestOfN}"), Number(report.TokensPerBestOfN));
        console.Write(table);
        console.WriteLine($"Gain of one sample: {report.Gain} on {report.Measured} prompts that were not in the traffic ({report.Origin}).");
        console.WriteLine($"The gate, after {report.Compared} prompts that both arms answered: {report.Decision}. {report.Reason}");
        if (report.SecondsFromDecisionToFirstAnswer is { } seconds)
        {
            console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"\"auto\" is {report.PolicyAfter} now: it gave {report.AutoByCandidate} of {report.AutoAnswers} answers, the first {seconds:F2} s after the decision; the others are the control group."));
        }

        foreach (var example in report.Examples)
        {
            console.WriteLine();
            console.WriteLine(example.Description.Length <= 200 ? example.Description : example.Description[..200] + " ...");
            console.WriteLine($"  before:    {example.Before}");
            console.WriteLine($"  after:     {example.After}");
            console.WriteLine($"  best-of-n: {example.BestOfN}");
        }
    }

    private static string Number(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
}
