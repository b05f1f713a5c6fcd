namespace Serving.Trainer.Evaluation;

/// <summary>Which answers of a group are taken, by index. Immutable.</summary>
/// <param name="Best">By each of the sizes asked for.</param>
/// <param name="Early">By early stopping.</param>
/// <param name="Drawn">How many answers early stopping looked at.</param>
internal sealed record AnswerChoices(IReadOnlyList<int> Best, int Early, int Drawn);
