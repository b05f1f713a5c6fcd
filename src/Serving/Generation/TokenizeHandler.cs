using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Observability;
using Serving.Requests;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>Text to a policy's token ids and back, in vLLM's shapes. Thread-safe.</summary>
public sealed class TokenizeHandler(GenerationRouter router, IOptions<RequestOptions> requests)
{
    /// <summary>
    /// {"model", "prompt" or "messages", "add_special_tokens" (true), "return_token_strs" (false)}: what a request with this prompt would prefill.
    /// </summary>
    public async Task<TokenizeAnswer> TokenizeAsync(HttpContext context)
    {
        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, context.RequestAborted);
        var fields = new RequestFields(body.RootElement, "");
        using var lease = router.Acquire(fields.Text("model") ?? PolicyRegistry.AnchorAlias);
        var (tokenizer, engine) = (lease.Value.Tokenizer, lease.Value.Engine);
        var special = fields.Flag("add_special_tokens") ?? true;
        var kind = fields.Value("messages") is null ? AnswerKind.Text : AnswerKind.Chat;
        var tokens = PromptParser.Parse(kind, fields) switch
        {
            [ChatPrompt chat] => tokenizer.Encode(Render(chat, tokenizer)),
            [TextPrompt text] => special ? tokenizer.EncodePrompt(text.Text) : tokenizer.Encode(text.Text),
            _ => throw RequestFields.Invalid("prompt", "must be one text."),
        };
        var texts = fields.Flag("return_token_strs") is true ? tokens.Select(token => tokenizer.Decode([token])).ToArray() : null;
        return new TokenizeAnswer(tokens.Length, engine.ContextLength, tokens, texts);
    }

    /// <summary>{"model", "tokens"}.</summary>
    public async Task<DetokenizeAnswer> DetokenizeAsync(HttpContext context)
    {
        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, context.RequestAborted);
        var fields = new RequestFields(body.RootElement, "");
        using var lease = router.Acquire(fields.Text("model") ?? PolicyRegistry.AnchorAlias);
        var value = fields.Value("tokens") ?? throw RequestFields.Missing("tokens", "an array of token ids.");
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw RequestFields.WrongType("tokens", "an array", value);
        }

        var last = lease.Value.Config.VocabularySize - 1;
        int[] tokens = [.. value.EnumerateArray().Select((token, i) => (int)RequestFields.Integer(token, $"tokens[{i}]", 0, last))];
        return new DetokenizeAnswer(lease.Value.Tokenizer.Decode(tokens));
    }

    private static string Render(ChatPrompt chat, TextTokenizer tokenizer)
    {
        try
        {
            return tokenizer.ApplyChatTemplate(chat.Messages);
        }
        catch (TokenizerException exception)
        {
            throw new ApiException(ApiError.BadRequest($"The model cannot take this conversation: {exception.Message}", chat.Field));
        }
    }
}
