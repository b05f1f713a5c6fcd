namespace Serving.Inference;

/// <summary>What a plan depends on.</summary>
/// <param name="Active">Rows that decode.</param>
/// <param name="PromptLength">Tokens of the prompt; 0 = there is none.</param>
/// <param name="Prefilled">How many of them have been run.</param>
internal readonly record struct EngineState(int Active, int PromptLength, int Prefilled);

/// <summary>What the next step runs.</summary>
/// <param name="Rows">Rows that decode a token each.</param>
/// <param name="Prompt">Tokens of the prompt.</param>
internal readonly record struct StepPlan(int Rows, int Prompt)
{
    public bool Idle => Rows + Prompt == 0;
}

/// <summary>
/// Decides the next step from counters alone. First come, first served. A prompt comes in beside the running answers, in pieces that are small enough
/// for these to go on at about half their speed; with nobody waiting for a token, in large ones. Results do not depend on the pieces.
/// </summary>
internal static class Scheduler
{
    /// <summary>Smallest piece of a prompt beside running answers: below it a step costs hardly less.</summary>
    public const int SmallestPiece = 16;

    /// <summary>Most scores of a piece per attention head, new tokens times tokens before them: their memory stays bounded however long the prompt is.</summary>
    public const int LargestArea = 1 << 20;

    public static StepPlan Next(in EngineState state, int chunk)
    {
        var piece = state.Active == 0 ? chunk : Math.Min(chunk, Math.Max(SmallestPiece, state.Active));
        piece = Math.Min(piece, Math.Max(SmallestPiece, LargestArea / (state.Prefilled + piece)));
        return new StepPlan(state.Active, Math.Min(piece, state.PromptLength - state.Prefilled));
    }
}
