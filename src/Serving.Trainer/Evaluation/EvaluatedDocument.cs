using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Evaluation;

/// <summary>One answer with its figures by name. Immutable.</summary>
internal sealed record EvaluatedAnswer(string Text, IReadOnlyDictionary<string, double> Figures);

/// <summary>A document and its answers by the name of how they came about ("greedy", "Best-of-16", "first sentence"). Immutable.</summary>
internal sealed record EvaluatedDocument(TaskExample Example, IReadOnlyDictionary<string, EvaluatedAnswer> Answers);
