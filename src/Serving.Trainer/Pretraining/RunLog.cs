using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Trainer.Terminal;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// One JSON object per line in &lt;run&gt;/log.jsonl, and on the console a bar with the newest values and the time that is left; lines in place of the
/// bar where the console is no terminal. One writer.
/// </summary>
public sealed class RunLog : IDisposable
{
    private readonly TimeProvider _time;
    private readonly StreamWriter _file;
    private readonly ProgressBar _bar;

    /// <param name="run">Folder of the run.</param>
    /// <param name="steps">Of the whole run.</param>
    /// <param name="time">For the lines and for the time left.</param>
    /// <param name="from">
    /// The step that a resumed run goes on with: steps that the killed run had taken after its last checkpoint are taken again, so their lines go.
    /// </param>
    public RunLog(string run, int steps, TimeProvider time, int? from = null)
    {
        (_time, _bar) = (time, new ProgressBar("step", steps, time));
        var path = Path.Combine(run, "log.jsonl");
        if (from is { } first && File.Exists(path))
        {
            var kept = path + ".tmp";
            File.WriteAllLines(kept, File.ReadAllLines(path).Where(line => IsBefore(line, first)));
            File.Move(kept, path, overwrite: true);
        }

        _file = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    public void Write(int step, params (string Name, double Value)[] values) => Write(step, values, _ => true);

    /// <summary>Only values of the names that are <paramref name="shown"/> go to the console.</summary>
    public void Write(int step, IReadOnlyList<(string Name, double Value)> values, Func<string, bool> shown)
    {
        var line = new JsonObject { ["step"] = step, ["time"] = _time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture) };
        foreach (var (name, value) in values)
        {
            line[name] = double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
        }

        _file.WriteLine(line.ToJsonString(JsonSerializerOptions.Default));
        var text = string.Join("  ", values.Where(value => shown(value.Name)).Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Name} {value.Value:G5}")));
        if (ProgressBar.OnTerminal)
        {
            _bar.Report(step, text);
        }
        else
        {
            Console.WriteLine(_bar.Line(step, text));
        }
    }

    public void Dispose()
    {
        _bar.Dispose();
        _file.Dispose();
    }

    /// <summary>Evaluations after a step carry the number of the next one and stay; a line cut short by the kill goes.</summary>
    private static bool IsBefore(string line, int step)
    {
        try
        {
            var entry = JsonNode.Parse(line)!;
            var at = (int)entry["step"]!;
            return at < step || (at == step && entry["loss"] is null);
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException)
        {
            return false;
        }
    }
}
