using System.Text.Json.Nodes;
using Serving.Inference;

namespace Serving.Generation;

/// <summary>The shape of /v1/completions.</summary>
internal sealed class TextFormat : AnswerFormat
{
    public static readonly TextFormat Instance = new();

    public override byte[] Whole(GenerationJob job, GenerationResult result, IReadOnlyList<EchoedPrompt> echoes) => Completion(
        job,
        [.. result.Answers.Select((candidate, index) => Choice(job, index, result.Candidates[candidate], EchoOf(job, index, echoes)))],
        UsageOf(job, [.. result.Answers.Select(i => result.Candidates[i])]),
        Report(job, result));

    /// <summary>The prompt, where answers are to begin with it.</summary>
    public override byte[]? Opening(GenerationJob job, int index, IReadOnlyList<EchoedPrompt> echoes) => EchoOf(job, index, echoes) is { } echo
        ? Completion(job, [new TextChoice(index, echo.Text, echo.Tokens is { } tokens ? Columns(job, tokens, 0) : null, null)])
        : null;

    public override byte[] Text(GenerationJob job, int index, string text, IReadOnlyList<ShownToken> tokens) =>
        Completion(job, [new TextChoice(index, text, ChunkColumns(job, index, tokens), null)]);

    public override byte[] Closing(GenerationJob job, int index, Candidate candidate, IReadOnlyList<ShownToken> tokens, BestOfNReport? report) =>
        Completion(job, [new TextChoice(index, "", ChunkColumns(job, index, tokens), Reason(candidate.FinishReason))], report: report);

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

    private static TextChoice Choice(GenerationJob job, int index, Candidate candidate, EchoedPrompt? echo)
    {
        var before = echo?.Text ?? "";
        var logProbs = job.Request.LogProbs
            ? Columns(job, [.. echo?.Tokens ?? [], .. Moved(ShownTokens.Of(candidate, job.Tokenizer), before.Length)], 0)
            : null;
        return new TextChoice(index, before + candidate.Text, logProbs, Reason(candidate.FinishReason));
    }

    private static EchoedPrompt? EchoOf(GenerationJob job, int index, IReadOnlyList<EchoedPrompt> echoes) =>
        echoes.Count > 0 ? echoes[index / job.Request.Answers] : null;

    private static IEnumerable<ShownToken> Moved(IReadOnlyList<ShownToken> tokens, int by) => tokens.Select(t => t with { Offset = t.Offset + by });

    // A stream's offsets count from where the answer's own text begins in the whole choice.
    private static TextLogProbs? ChunkColumns(GenerationJob job, int index, IReadOnlyList<ShownToken> tokens) =>
        tokens.Count > 0 ? Columns(job, tokens, job.Request.Echo ? job.Prompts[index / job.Request.Answers].Text.Length : 0) : null;

    private static TextLogProbs Columns(GenerationJob job, IReadOnlyList<ShownToken> tokens, int offset) => new(
        [.. tokens.Select(t => t.Text)],
        [.. tokens.Select(t => t.LogProb)],
        [.. tokens.Select(t => t.SampledLogProb)],
        job.Request.Sampling.TopLogProbs > 0 ? [.. tokens.Select(t => Top(job, t))] : null,
        [.. tokens.Select(t => t.Offset + offset)]);

    /// <summary>The most probable tokens by their text and the token itself, as OpenAI has it; of two with one text, the more probable.</summary>
    private static JsonObject? Top(GenerationJob job, ShownToken token)
    {
        if (token.LogProb is not { } own)
        {
            return null;
        }

        var top = new JsonObject();
        foreach (var (id, logProb) in token.Top)
        {
            top.TryAdd(TextOf(job, id), logProb);
        }

        top.TryAdd(token.Text, own);
        return top;
    }
}
