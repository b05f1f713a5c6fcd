namespace Serving.Inference;

/// <summary>What an engine step runs.</summary>
internal enum StepKind
{
    /// <summary>Nothing to do until a request comes.</summary>
    Idle,

    /// <summary>One chunk of the prompt in the prompt slot.</summary>
    Prefill,

    /// <summary>One token of every active row.</summary>
    Decode,
}

/// <summary>What the engine does next.</summary>
/// <param name="Admit">Waiting candidates that get a slot first.</param>
/// <param name="Start">Prefill: first token of the chunk. Decode: 0.</param>
/// <param name="Count">Prefill: tokens of the chunk. Decode: rows.</param>
internal readonly record struct StepPlan(StepKind Kind, int Admit, int Start, int Count);
