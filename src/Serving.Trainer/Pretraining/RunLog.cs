using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Trainer.Pretraining;

/// <summary>One JSON object per line in &lt;run&gt;/log.jsonl, and a short line on the console with the time that is left. One writer.</summary>
public sealed class RunLog(string run, int steps, TimeProvider time) : IDisposable
{
    private readonly StreamWriter _file = new(Path.Combine(run, "log.jsonl"), append: true) { AutoFlush = true };
    private readonly long _started = time.GetTimestamp();
    private int? _firstStep;

    public void Write(int step, params (string Name, double Value)[] values)
    {
        _firstStep ??= step;
        var line = new JsonObject { ["step"] = step, ["time"] = time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture) };
        foreach (var (name, value) in values)
        {
            line[name] = double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));
        }

        _file.WriteLine(line.ToJsonString(JsonSerializerOptions.Default));
        var done = step - _firstStep.Value;
        var left = done > 0 ? time.GetElapsedTime(_started) / done * (steps - step) : TimeSpan.Zero;
        var text = string.Join("  ", values.Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Name} {value.Value:G5}")));
        Console.WriteLine($"{step,6}/{steps}  {text}  left {left:hh\\:mm\\:ss}");
    }

    public void Dispose() => _file.Dispose();
}
