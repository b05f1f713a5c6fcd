using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Trainer.Terminal;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// One JSON object per line in &lt;run&gt;/log.jsonl, and on the console a bar with the newest values and the time that is left; lines in place of the
/// bar where the console is no terminal. One writer.
/// </summary>
public sealed class RunLog(string run, int steps, TimeProvider time) : IDisposable
{
    private readonly StreamWriter _file = new(Path.Combine(run, "log.jsonl"), append: true) { AutoFlush = true };
    private readonly ProgressBar _bar = new("step", steps, time);

    public void Write(int step, params (string Name, double Value)[] values)
    {
        var line = new JsonObject { ["step"] = step, ["time"] = time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture) };
        foreach (var (name, value) in values)
        {
            line[name] = double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
        }

        _file.WriteLine(line.ToJsonString(JsonSerializerOptions.Default));
        var text = string.Join("  ", values.Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Name} {value.Value:G5}")));
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
}
