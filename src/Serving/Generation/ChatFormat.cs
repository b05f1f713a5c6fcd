using Serving.Inference;

namespace Serving.Generation;

/// <summary>The shape of /v1/chat/completions.</summary>
internal sealed class ChatFormat : AnswerFormat
{
    public static readonly ChatFormat Instance = new();

    public override byte[] Whole(GenerationJob job, GenerationResult result, IReadOnlyList<EchoedPrompt> echoes) => Write(
        new ChatCompletion(
            job.Id,
            "chat.completion",
            job.Created.ToUnixTimeSeconds(),
            job.PolicyId,
            job.PolicyDigest,
            [.. result.Answers.Select((candidate, index) => Choice(job, index, result.Candidates[candidate]))],
            UsageOf(job, [.. result.Answers.Select(i => result.Candidates[i])]),
            Report(job, result)),
        GenerationJson.Readable.ChatCompletion);

    public override byte[] Opening(GenerationJob job, int index, IReadOnlyList<EchoedPrompt> echoes) =>
        Chunk(job, new ChatChunkChoice(index, new ChatDelta("assistant", ""), null, null));

    public override byte[] Text(GenerationJob job, int index, string text, IReadOnlyList<ShownToken> tokens) =>
        Chunk(job, new ChatChunkChoice(index, new ChatDelta(null, text), ChunkLogProbs(job, tokens), null));

    public override byte[] Closing(GenerationJob job, int index, Candidate candidate, IReadOnlyList<ShownToken> tokens, BestOfNReport? report)
    {
        var choice = new ChatChunkChoice(index, new ChatDelta(null, null), ChunkLogProbs(job, tokens), Reason(candidate.FinishReason));
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

    private static ChatChoice Choice(GenerationJob job, int index, Candidate candidate) => new(
        index,
        new AssistantMessage("assistant", candidate.Text, null),
        job.Request.LogProbs ? LogProbs(job, ShownTokens.Of(candidate, job.Tokenizer)) : null,
        Reason(candidate.FinishReason));

    private static ChatLogProbs? ChunkLogProbs(GenerationJob job, IReadOnlyList<ShownToken> tokens) => tokens.Count > 0 ? LogProbs(job, tokens) : null;

    private static ChatLogProbs LogProbs(GenerationJob job, IReadOnlyList<ShownToken> tokens) =>
        new([.. tokens.Select(t => LogProb(job, t))], Refusal: null);

    private static TokenLogProb LogProb(GenerationJob job, ShownToken token) => new(
        token.Text,
        token.LogProb.GetValueOrDefault(),
        token.SampledLogProb.GetValueOrDefault(),
        Bytes(job, token.Token),
        [.. token.Top.Select(top => new TopLogProb(TextOf(job, top.Token), top.LogProb, Bytes(job, top.Token)))]);

    private static int[] Bytes(GenerationJob job, int token) => [.. job.Tokenizer.BytesOf(token).ToArray().Select(b => (int)b)];
}
