using Serving.Inference;

namespace Serving.Generation;

/// <summary>The shape of /v1/chat/completions.</summary>
internal sealed class ChatFormat : AnswerFormat
{
    public static readonly ChatFormat Instance = new();

    public override byte[] Whole(GenerationJob job, GenerationResult result) => Write(
        new ChatCompletion(
            job.Id,
            "chat.completion",
            job.Created.ToUnixTimeSeconds(),
            job.PolicyId,
            job.PolicyDigest,
            [.. result.Answers.Select((candidate, index) => Choice(job, index, result.Candidates[candidate]))],
            UsageOf(job, result.Answers.Select(i => result.Candidates[i])),
            Report(job, result)),
        GenerationJson.Readable.ChatCompletion);

    public override byte[] Opening(GenerationJob job, int index) =>
        Chunk(job, new ChatChunkChoice(index, new ChatDelta("assistant", ""), null, null));

    public override byte[] Text(GenerationJob job, int index, string text) =>
        Chunk(job, new ChatChunkChoice(index, new ChatDelta(null, text), null, null));

    public override byte[] Closing(GenerationJob job, int index, Candidate candidate, BestOfNReport? report)
    {
        var choice = new ChatChunkChoice(index, new ChatDelta(null, null), LogProbs(job, candidate), Reason(candidate.FinishReason));
        return Chunk(job, choice, report: report);
    }

    public override byte[] UsageOnly(GenerationJob job, Usage usage) => Chunk(job, null, usage);

    private static byte[] Chunk(GenerationJob job, ChatChunkChoice? choice, Usage? usage = null, BestOfNReport? report = null) => Write(
        new ChatChunk(
            job.Id,
            "chat.completion.chunk",
            job.Created.ToUnixTimeSeconds(),
            job.PolicyId,
            job.PolicyDigest,
            choice is null ? [] : [choice],
            usage,
            report),
        GenerationJson.Readable.ChatChunk);

    private static ChatChoice Choice(GenerationJob job, int index, Candidate candidate) =>
        new(index, new AssistantMessage("assistant", candidate.Text, null), LogProbs(job, candidate), Reason(candidate.FinishReason));

    private static ChatLogProbs? LogProbs(GenerationJob job, Candidate candidate) => !job.Request.LogProbs
        ? null
        : new ChatLogProbs(
            [.. ShownTokens.Of(candidate, job.Tokenizer)
                .Select(t => new TokenLogProb(t.Text, t.LogProb, t.SampledLogProb, Bytes(job, t.Token), []))],
            Refusal: null);

    private static int[] Bytes(GenerationJob job, int token) => [.. job.Tokenizer.BytesOf(token).ToArray().Select(b => (int)b)];
}
