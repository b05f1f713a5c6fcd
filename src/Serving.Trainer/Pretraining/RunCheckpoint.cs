using System.Text.Json;

namespace Serving.Trainer.Pretraining;

/// <summary>
/// The newest state of a run: weights, optimiser state and the next step, in one folder that is replaced by a rename, so that a kill at any
/// moment leaves either the old state or the new one. Data and randomness are functions of (seed, step) and need no state.
/// </summary>
public sealed class RunCheckpoint(string run)
{
    private readonly string _current = Path.Combine(run, "checkpoint");
    private readonly string _next = Path.Combine(run, "checkpoint.next");
    private readonly string _previous = Path.Combine(run, "checkpoint.previous");

    public bool Exists => Directory.Exists(_current) || Directory.Exists(_previous);

    /// <param name="step">The step that comes next.</param>
    /// <param name="copies">The run copies already (see <see cref="PolicyPretraining"/>).</param>
    /// <param name="writeWeights">Writes the weights to the path it is given.</param>
    /// <param name="writeOptimizer">Writes the optimiser's state.</param>
    public void Save(int step, Action<string> writeWeights, Action<BinaryWriter> writeOptimizer, bool copies = false)
    {
        DeleteIfThere(_next);
        Directory.CreateDirectory(_next);
        writeWeights(Path.Combine(_next, "weights.safetensors"));
        using (var file = File.Create(Path.Combine(_next, "optimizer.bin")))
        {
            using var writer = new BinaryWriter(file);
            writeOptimizer(writer);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }

        File.WriteAllText(Path.Combine(_next, "state.json"), JsonSerializer.Serialize(new State(step, copies)));
        DeleteIfThere(_previous);
        if (Directory.Exists(_current))
        {
            Directory.Move(_current, _previous);
        }

        Directory.Move(_next, _current);
        DeleteIfThere(_previous);
    }

    /// <summary>Restores weights and optimiser; returns the step to go on with, and whether the run copies already.</summary>
    public (int Step, bool Copies) Restore(Action<string> readWeights, Action<BinaryReader> readOptimizer)
    {
        var folder = Directory.Exists(_current) ? _current : _previous;
        readWeights(Path.Combine(folder, "weights.safetensors"));
        using var reader = new BinaryReader(File.OpenRead(Path.Combine(folder, "optimizer.bin")));
        readOptimizer(reader);
        var state = JsonSerializer.Deserialize<State>(File.ReadAllText(Path.Combine(folder, "state.json")))!;
        return (state.Step, state.Copies);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed record State(int Step, bool Copies);
}
