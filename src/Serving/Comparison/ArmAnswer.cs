namespace Serving.Comparison;

/// <summary>One arm's answer to a prompt. Immutable.</summary>
/// <param name="Source">What judges compare the answer with: the last user message, or the prompt's text.</param>
/// <param name="Text">The answer.</param>
/// <param name="Policy">"name@version" that drew it.</param>
/// <param name="Length">Tokens of the answer.</param>
/// <param name="Spent">Tokens sampled for it, all candidates together.</param>
/// <param name="Duration">From the prompt to the whole answer, the choice included.</param>
internal sealed record ArmAnswer(string Source, string Text, string Policy, int Length, int Spent, TimeSpan Duration)
{
    /// <summary>Processor time of this process for it; null where other work ran beside it.</summary>
    public TimeSpan? Processor { get; init; }
}
