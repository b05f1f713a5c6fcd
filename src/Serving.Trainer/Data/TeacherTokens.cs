namespace Serving.Trainer.Data;

/// <summary>What a teacher said of one answer: its k likeliest tokens at every place, at temperature 1. Immutable.</summary>
/// <param name="Ids">Place by place, likeliest first, [T k].</param>
/// <param name="LogProbs">log P of each, [T k].</param>
public sealed record TeacherTokens(int[] Ids, float[] LogProbs);
