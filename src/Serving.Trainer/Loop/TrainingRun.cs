using Serving.Models;
using Serving.Trainer.Policy;

namespace Serving.Trainer.Loop;

/// <summary>What a run works on. Immutable.</summary>
public sealed record TrainingRun
{
    /// <summary>Version that training begins from.</summary>
    public required ModelFolder Start { get; init; }

    /// <summary>Frozen teacher of gkd, and the policy whose draws are learnt from; null = draws of any policy.</summary>
    public ModelFolder? Teacher { get; init; }

    /// <summary>
    /// Policy that evaluations measure against: its one sample, its Best-of-n, the divergence from it; null = <see cref="Start"/>. For runs that go on from what an
    /// earlier run made, and for students.
    /// </summary>
    public ModelFolder? Reference { get; init; }

    /// <summary>What evaluations measure against.</summary>
    public ModelFolder MeasuredFrom => Reference ?? Start;

    /// <summary>Root of the episode log.</summary>
    public required string Episodes { get; init; }

    /// <summary>Folder for checkpoints, scratch weights and the log.</summary>
    public required string Folder { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Where losses and gradients are computed.</summary>
    public TrainingDevice Device { get; init; }

    /// <summary>Go on from the last checkpoint in <see cref="Folder"/>, when there is one.</summary>
    public bool Resume { get; init; }
}

/// <summary>What came out of a run. Owns the policy.</summary>
/// <param name="Policy">The weights of the best evaluation; without evaluation, and where every one broke a bound, those at the end.</param>
/// <param name="Steps">Steps done in all, those before a resume included.</param>
/// <param name="Groups">Groups in the replay window at the end.</param>
/// <param name="Episodes">Episodes read.</param>
/// <param name="Figures">What was measured on the way.</param>
public sealed record TrainingResult(PolicyModule Policy, int Steps, int Groups, int Episodes, RunFigures Figures) : IDisposable
{
    /// <summary>One sample per held-out prompt at the start; null without evaluation.</summary>
    public HeldOutEvaluation? Before => Figures.Begun ?? Figures.Start?.Sample;

    /// <summary>The same for <see cref="Policy"/>.</summary>
    public HeldOutEvaluation? After => Figures.Best ?? Figures.Last;

    /// <summary>False when evaluations were made and every one broke a bound.</summary>
    public bool Good => Figures.Start is null || Figures.Best is not null;

    public void Dispose() => Policy.Dispose();
}
