namespace Serving.Trainer.Objectives;

/// <summary>Answers that a step draws to every prompt because an objective asks for them.</summary>
/// <param name="Policy">Of the policy under training.</param>
/// <param name="Anchor">Of the anchor.</param>
public readonly record struct FreshAnswers(int Policy, int Anchor)
{
    /// <summary>Enough for both objectives: each takes the first ones.</summary>
    public static FreshAnswers Max(FreshAnswers first, FreshAnswers second) =>
        new(Math.Max(first.Policy, second.Policy), Math.Max(first.Anchor, second.Anchor));
}
