using Serving.Inference;

namespace Serving.Generation;

/// <summary>The shape of /v1/completions.</summary>
internal sealed class TextFormat : AnswerFormat
{
    public static readonly TextFormat Instance = new();

    public override byte[] Whole(GenerationJob job, GenerationResult result) => Completion(
        job,
        [.. result.Answers.Select((candidate, index) => Choice(job, index, result.Candidates[candidate]))],
        UsageOf(job, result.Answers.Select(i => result.Candidates[i])),
        Report(job, result));

    public override byte[]? Opening(GenerationJob job, int index) => null;

    public override byte[] Text(GenerationJob job, int index, string text) => Completion(job, [new TextChoice(index, text, null, null)]);

    public override byte[] Closing(GenerationJob job, int index, Candidate candidate, BestOfNReport? report) =>
        Completion(job, [Choice(job, index, candidate) with { Text = "" }], report: report);

    public override byte[] UsageOnly(GenerationJob job, Usage usage) => Completion(job, [], usage);

    private static byte[] Completion(
        GenerationJob job, IReadOnlyList<TextChoice> choices, Usage? usage = null, BestOfNReport? report = null) => Write(
        new TextCompletion(
            job.Id,
            "text_completion",
            job.Created.ToUnixTimeSeconds(),
            job.PolicyId,
            job.PolicyDigest,
            choices,
            usage,
            report),
        GenerationJson.Readable.TextCompletion);

    private static TextChoice Choice(GenerationJob job, int index, Candidate candidate) =>
        new(index, candidate.Text, LogProbs(job, candidate), Reason(candidate.FinishReason));

    private static TextLogProbs? LogProbs(GenerationJob job, Candidate candidate)
    {
        if (!job.Request.LogProbs)
        {
            return null;
        }

        var tokens = ShownTokens.Of(candidate, job.Tokenizer);
        return new TextLogProbs(
            [.. tokens.Select(t => t.Text)],
            [.. tokens.Select(t => t.LogProb)],
            [.. tokens.Select(t => t.SampledLogProb)],
            TopLogProbs: null,
            [.. tokens.Select(t => t.Offset)]);
    }
}
