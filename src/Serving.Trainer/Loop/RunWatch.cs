using Serving.Models;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>
/// Watches over a run's evaluations: ends it when one breaks a bound, and keeps the weights of the best that broke none, a file of the run's folder beside its checkpoint.
/// Used from the training thread.
/// </summary>
/// <param name="rules">The bounds.</param>
/// <param name="options">What is best, and how many evaluations are looked back on.</param>
/// <param name="folder">Of the run.</param>
internal sealed class RunWatch(StopRules rules, TrainerOptions options, string folder)
{
    private const string Prefix = "best-";

    /// <summary>What is known with one more evaluation, of <paramref name="policy"/> as it is.</summary>
    public RunFigures Add(RunFigures figures, HeldOutEvaluation evaluation, PolicyModule policy)
    {
        var recent = figures.Recent.Count > 0 ? figures.Recent : [figures.Start!.Sample.Short()];
        return Judge(figures with { Last = evaluation, Recent = [.. recent.Append(evaluation.Short()).TakeLast(options.Stop.DivergenceEvaluations + 1)] }, policy);
    }

    /// <summary>Judges the last evaluation again: bounds may be others after a resume.</summary>
    public RunFigures Judge(RunFigures figures, PolicyModule policy)
    {
        figures = figures with { Stop = rules.Check(figures) };
        if (figures.Last is not { } last || figures.Stop is not null || (figures.Best is { } best && best.Mean(options.Best) >= last.Mean(options.Best)))
        {
            return figures;
        }

        // A kill may come at any time: the file has its name only when it is whole, and the one before stays until a checkpoint no longer names it.
        var path = PathOf(last.Step);
        PolicyWeights.WriteTensors(policy, path + ".tmp");
        File.Move(path + ".tmp", path, overwrite: true);
        return figures with { Best = last };
    }

    /// <summary>Deletes the weights that were the best once; call it when a checkpoint of <paramref name="figures"/> is on the disk.</summary>
    public void Forget(RunFigures figures)
    {
        var kept = figures.Best is { } best ? PathOf(best.Step) : null;
        foreach (var path in Directory.EnumerateFiles(folder, Prefix + "*").Where(path => path != kept))
        {
            File.Delete(path);
        }
    }

    /// <summary>The weights of the best evaluation; the caller's to dispose.</summary>
    public PolicyModule Load(HeldOutEvaluation best, DecoderConfig config)
    {
        var module = new PolicyModule(config);
        using var file = SafetensorsFile.Open(PathOf(best.Step));
        PolicyWeights.Read(file, module);
        return module;
    }

    private string PathOf(int step) => Path.Combine(folder, $"{Prefix}{step}.safetensors");
}
