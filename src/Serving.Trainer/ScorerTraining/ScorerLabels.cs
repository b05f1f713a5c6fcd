namespace Serving.Trainer.ScorerTraining;

/// <summary>The classes of an entailment model: "entailment", and one for every kind of synopsis that it is trained against; or the one label of a reward. Immutable.</summary>
internal sealed class ScorerLabels
{
    /// <summary>Position of "entailment", or of the reward.</summary>
    public const int Favoured = 0;

    private readonly SynopsisKind[] _kinds;

    /// <param name="task">What the scorer learns.</param>
    /// <param name="kinds">Of the training groups, beside the own synopsis.</param>
    public ScorerLabels(ScorerTask task, IEnumerable<SynopsisKind> kinds)
    {
        _kinds = task == ScorerTask.Entailment ? [SynopsisKind.Own, .. kinds] : [];
        Names = task == ScorerTask.Entailment ? ["entailment", .. _kinds.Skip(1).Select(kind => kind.ToString().ToLowerInvariant())] : ["reward"];
    }

    /// <summary>For id2label.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Class of a kind.</summary>
    public int Of(SynopsisKind kind) => Array.IndexOf(_kinds, kind);
}
