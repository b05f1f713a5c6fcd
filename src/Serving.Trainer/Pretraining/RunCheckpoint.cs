using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Models;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// The newest state of a run: weights, optimiser state and the next step, in one folder that is replaced by renames, each file on the disk before it is: a kill
/// or a power cut between any two operations leaves the old state or the new one. Data and randomness are functions of (seed, step) and need no state.
/// </summary>
/// <param name="run">Folder of the run.</param>
/// <param name="settings">
/// All that the weights depend on, by the names that the user knows; a checkpoint of other settings is refused. Null = the caller checks for itself.
/// </param>
public sealed class RunCheckpoint(string run, JsonObject? settings = null)
{
    private const string StateFile = "state.json";

    private readonly string _current = Path.Combine(run, "checkpoint");
    private readonly string _next = Path.Combine(run, "checkpoint.next");
    private readonly string _previous = Path.Combine(run, "checkpoint.previous");

    public bool Exists => Directory.Exists(_current) || Directory.Exists(_previous);

    /// <param name="step">The step that comes next.</param>
    /// <param name="copies">The run copies already (see <see cref="PolicyPretraining"/>).</param>
    /// <param name="writeWeights">Writes the weights to the path it is given, and what belongs to them beside it.</param>
    /// <param name="writeOptimizer">Writes the optimiser's state.</param>
    public void Save(int step, Action<string> writeWeights, Action<BinaryWriter> writeOptimizer, bool copies = false)
    {
        Repair();
        DeleteIfThere(_next);
        Directory.CreateDirectory(_next);
        writeWeights(Path.Combine(_next, "weights.safetensors"));
        using (var writer = new BinaryWriter(File.Create(Path.Combine(_next, "optimizer.bin"))))
        {
            writeOptimizer(writer);
        }

        File.WriteAllText(Path.Combine(_next, StateFile), JsonSerializer.Serialize(new State(step, copies, settings)));
        Flush(_next);
        DeleteIfThere(_previous);
        if (Directory.Exists(_current))
        {
            Directory.Move(_current, _previous);
        }

        Directory.Move(_next, _current);
        DiskSync.Folder(run);
        DeleteIfThere(_previous);
    }

    /// <summary>Restores weights and optimiser; returns the step to go on with, and whether the run copies already.</summary>
    /// <exception cref="InvalidOperationException">The run began with other settings; the message names them.</exception>
    public (int Step, bool Copies) Restore(Action<string> readWeights, Action<BinaryReader> readOptimizer)
    {
        Repair();
        var state = JsonSerializer.Deserialize<State>(File.ReadAllText(Path.Combine(_current, StateFile)))!;
        RefuseOther(state.Settings);
        readWeights(Path.Combine(_current, "weights.safetensors"));
        using var reader = new BinaryReader(File.OpenRead(Path.Combine(_current, "optimizer.bin")));
        readOptimizer(reader);
        return (state.Step, state.Copies);
    }

    /// <summary>A kill between the two renames leaves the last state under its other name, where the next save would delete it.</summary>
    private void Repair()
    {
        if (!Directory.Exists(_current) && Directory.Exists(_previous))
        {
            Directory.Move(_previous, _current);
        }
    }

    private void RefuseOther(JsonObject? began)
    {
        if (began is null || settings is null)
        {
            return;
        }

        var other = began.Select(pair => pair.Key).Union(settings.Select(pair => pair.Key))
            .Where(name => Text(settings, name) != Text(began, name))
            .Select(name => $"{name} was {Text(began, name)} and is {Text(settings, name)} now")
            .ToArray();
        if (other.Length > 0)
        {
            throw new InvalidOperationException(
                $"{run}: this run began with other options ({string.Join("; ", other)}), so going on would give neither run. "
                + "Resume with the same ones, or begin anew in another --run folder.");
        }
    }

    private static string Text(JsonObject values, string name) => values[name]?.ToJsonString() ?? "null";

    private static void Flush(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(file);
        }

        DiskSync.Folder(folder);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed record State(int Step, bool Copies, JsonObject? Settings = null);
}
