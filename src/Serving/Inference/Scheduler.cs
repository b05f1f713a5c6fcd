namespace Serving.Inference;

/// <summary>What a plan depends on.</summary>
/// <param name="Active">Rows that decode.</param>
/// <param name="Free">Rows that are free.</param>
/// <param name="Waiting">Candidates of the prompt in the prompt slot that wait for a row; 0 until the prompt is prefilled.</param>
/// <param name="PromptLength">Tokens of the prompt in the prompt slot; 0 = the slot is empty.</param>
/// <param name="Prefilled">How many of them have been run.</param>
/// <param name="PrefilledLast">The last step was a prefill.</param>
internal readonly record struct EngineState(int Active, int Free, int Waiting, int PromptLength, int Prefilled, bool PrefilledLast);

/// <summary>
/// Decides the next step from counters alone. First come, first served; a prompt's chunks alternate with decode steps, so that running answers go
/// on while a long prompt comes in. Chunks depend on the prompt only, never on the load: the same prompt gives the same bits.
/// </summary>
internal static class Scheduler
{
    public static StepPlan Next(in EngineState state, int chunk)
    {
        var admit = Math.Min(state.Waiting, state.Free);
        var rows = state.Active + admit;
        var left = state.PromptLength - state.Prefilled;
        if (left > 0 && (rows == 0 || !state.PrefilledLast))
        {
            return new StepPlan(StepKind.Prefill, admit, state.Prefilled, Math.Min(chunk, left));
        }

        return rows > 0 ? new StepPlan(StepKind.Decode, admit, 0, rows) : default;
    }
}
