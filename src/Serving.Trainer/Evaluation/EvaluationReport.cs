using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Experiments;
using Spectre.Console;

namespace Serving.Trainer.Evaluation;

/// <summary>
/// Means over documents with 95 % bootstrap intervals, and the paired differences to greedy, as tables and as JSON.
/// </summary>
internal sealed class EvaluationReport
{
    private readonly List<(string Name, Dictionary<string, (BootstrapInterval Mean, BootstrapInterval Difference)> Figures)> _rows = [];

    /// <summary>Needs at least one document; all have the same answers and figures.</summary>
    public EvaluationReport(IReadOnlyList<EvaluatedDocument> documents)
    {
        foreach (var name in documents[0].Answers.Keys)
        {
            var figures = new Dictionary<string, (BootstrapInterval, BootstrapInterval)>();
            foreach (var figure in documents[0].Answers[name].Figures.Keys)
            {
                double[] values = [.. documents.Select(document => document.Answers[name].Figures[figure])];
                double[] greedy = [.. documents.Select(document => document.Answers[PolicyEvaluation.Greedy].Figures[figure])];
                figures[figure] = (BootstrapInterval.Of(values), BootstrapInterval.Of([.. values.Zip(greedy, (value, other) => value - other)]));
            }

            _rows.Add((name, figures));
        }
    }

    /// <summary>{"greedy": {"rouge-1": {"mean", "lower", "upper", "minus_greedy": {"mean", "lower", "upper"}}, ...}, ...}.</summary>
    public JsonObject ToJson() => new(_rows.Select(row => KeyValuePair.Create<string, JsonNode?>(
        row.Name,
        new JsonObject(row.Figures.Select(figure =>
        {
            var mean = Json(figure.Value.Mean);
            mean["minus_greedy"] = Json(figure.Value.Difference);
            return KeyValuePair.Create<string, JsonNode?>(figure.Key, mean);
        })))));

    /// <summary>Two tables, Markdown where the output is no terminal; the single style rules are in the JSON only.</summary>
    public void Show(IAnsiConsole console, bool terminal)
    {
        Show(console, terminal, "mean [95 % interval]", _rows, figure => figure.Mean, "");
        Show(console, terminal, "minus greedy, paired", _rows.Where(row => row.Name != PolicyEvaluation.Greedy), figure => figure.Difference, "+");
    }

    private static void Show(
        IAnsiConsole console,
        bool terminal,
        string title,
        IEnumerable<(string Name, Dictionary<string, (BootstrapInterval Mean, BootstrapInterval Difference)> Figures)> rows,
        Func<(BootstrapInterval Mean, BootstrapInterval Difference), BootstrapInterval> part,
        string sign)
    {
        var table = new Table { Border = terminal ? TableBorder.Rounded : TableBorder.Markdown };
        table.AddColumn(Markup.Escape(title));
        foreach (var (name, figures) in rows)
        {
            var shown = figures.Where(figure => !figure.Key.Contains('/', StringComparison.Ordinal)).ToArray();
            foreach (var figure in table.Columns.Count == 1 ? shown : [])
            {
                table.AddColumn(Markup.Escape(figure.Key));
            }

            table.AddRow([Markup.Escape(name), .. shown.Select(figure => Markup.Escape(Cell(part(figure.Value), sign, terminal)))]);
        }

        console.Write(table);
    }

    private static string Cell(BootstrapInterval value, string sign, bool terminal)
    {
        var digits = Math.Abs(value.Mean) >= 10 ? "F1" : "F2";
        var format = sign.Length > 0 ? (digits == "F1" ? "+0.0;-0.0;0.0" : "+0.00;-0.00;0.00") : digits;
        string Number(double number) => number.ToString(format, CultureInfo.InvariantCulture);
        return $"{Number(value.Mean)}{(terminal ? "\n" : " ")}[{Number(value.Lower)}, {Number(value.Upper)}]";
    }

    private static JsonObject Json(BootstrapInterval value) => new() { ["mean"] = value.Mean, ["lower"] = value.Lower, ["upper"] = value.Upper };
}
