namespace Serving.Inference;

/// <summary>What a plan depends on.</summary>
/// <param name="Active">Rows that decode.</param>
/// <param name="Free">Rows that are free.</param>
/// <param name="Waiting">Candidates of the prompt that wait for a row; 0 until the prompt is prefilled.</param>
/// <param name="PromptLength">Tokens of the prompt; 0 = there is none.</param>
/// <param name="Prefilled">How many of them have been run.</param>
internal readonly record struct EngineState(int Active, int Free, int Waiting, int PromptLength, int Prefilled);

/// <summary>What the next step runs.</summary>
/// <param name="Admit">Waiting candidates that get a row first.</param>
/// <param name="Rows">Rows that decode a token each.</param>
/// <param name="Prompt">Tokens of the prompt.</param>
internal readonly record struct StepPlan(int Admit, int Rows, int Prompt)
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

    public static StepPlan Next(in EngineState state, int chunk)
    {
        var admit = Math.Min(state.Waiting, state.Free);
        var rows = state.Active + admit;
        var piece = rows == 0 ? chunk : Math.Min(chunk, Math.Max(SmallestPiece, rows));
        return new StepPlan(admit, rows, Math.Min(piece, state.PromptLength - state.Prefilled));
    }
}
