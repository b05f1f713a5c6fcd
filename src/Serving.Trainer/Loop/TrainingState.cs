using System.Text.Json;
using Serving.Models;
using Serving.Trainer.Data;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Loop;

/// <summary>
/// Saves and restores a run through <see cref="RunCheckpoint"/>: weights, optimiser and step there, and beside them the anchor and what replay has read.
/// Every draw is a function of (seed, step), so there is no state of a random generator.
/// </summary>
internal sealed class TrainingState(string run)
{
    private const string AnchorFile = "anchor.safetensors";
    private const string ReplayFile = "replay.json";
    private const string ValueFile = "value.safetensors";

    private readonly RunCheckpoint _checkpoint = new(run);

    public bool Exists => _checkpoint.Exists;

    /// <param name="step">The step that comes next.</param>
    public void Save(int step, PolicyModule policy, AnchorAverage? anchor, optim.Optimizer optimizer, ReplayState replay, ValueHead? head = null) =>
        _checkpoint.Save(
            step,
            path =>
            {
                Write(path, policy);
                if (anchor is not null)
                {
                    PolicyWeights.WriteTensors(anchor.Module, Beside(path, AnchorFile));
                }

                head?.Write(Beside(path, ValueFile));
                File.WriteAllText(Beside(path, ReplayFile), JsonSerializer.Serialize(replay));
            },
            ((OptimizerHelper)optimizer).save_state_dict);

    /// <summary>Restores everything; returns the step to go on with and what replay had read.</summary>
    public (int Step, ReplayState Replay) Restore(PolicyModule policy, AnchorAverage? anchor, optim.Optimizer optimizer, ValueHead? head = null)
    {
        ReplayState? replay = null;
        var step = _checkpoint.Restore(
            path =>
            {
                Read(path, policy);
                if (anchor is not null)
                {
                    Read(Beside(path, AnchorFile), anchor.Module);
                }

                head?.Read(Beside(path, ValueFile));
                replay = JsonSerializer.Deserialize<ReplayState>(File.ReadAllText(Beside(path, ReplayFile)));
            },
            ((OptimizerHelper)optimizer).load_state_dict).Step;
        return (step, replay ?? throw new InvalidDataException($"{run}: the checkpoint does not say where replay stood. Start the run anew in another folder."));
    }

    private static string Beside(string path, string file) => Path.Combine(Path.GetDirectoryName(path)!, file);

    /// <summary>The weights, or what LoRA adds to those that the run began from.</summary>
    private static void Write(string path, PolicyModule module)
    {
        if (module.Adapted)
        {
            AdapterWeights.Write(module, path);
        }
        else
        {
            PolicyWeights.WriteTensors(module, path);
        }
    }

    private static void Read(string path, PolicyModule module)
    {
        using var file = SafetensorsFile.Open(path);
        if (module.Adapted)
        {
            AdapterWeights.Read(file, module);
        }
        else
        {
            PolicyWeights.Read(file, module);
        }
    }
}

/// <summary>Where the data of a run stands. Immutable.</summary>
/// <param name="Episodes">Episodes read from the beginning of the log.</param>
/// <param name="Cursor">Where the replay window stands.</param>
/// <param name="Settings">Digest of the options and the models, which must be the same to go on.</param>
/// <param name="Figures">What was measured so far.</param>
/// <param name="Log">Digest of the episodes read; 0 in checkpoints from before there was one.</param>
/// <param name="Priorities">Priorities of the groups in the window, oldest first; null without.</param>
internal sealed record ReplayState(
    int Episodes, ReplayCursor Cursor, string Settings, RunFigures Figures, ulong Log = 0, double[]? Priorities = null);
