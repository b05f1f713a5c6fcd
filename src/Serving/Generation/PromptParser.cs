using System.Text.Json;
using Serving.Requests;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>Reads what is to be answered: "messages" or "prompt". Pure.</summary>
internal static class PromptParser
{
    private const string Roles = "\"system\", \"developer\", \"user\" or \"assistant\".";

    public static IReadOnlyList<RequestPrompt> Parse(AnswerKind kind, RequestFields fields) =>
        kind == AnswerKind.Chat ? [Chat(fields)] : Completion(fields);

    private static ChatPrompt Chat(RequestFields fields)
    {
        if (fields.Value("messages") is not { } value)
        {
            throw RequestFields.Missing("messages", "send the conversation as [{\"role\":\"user\",\"content\":\"...\"}].");
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw RequestFields.WrongType("messages", "an array", value);
        }

        ChatMessage[] messages = [.. value.EnumerateArray().Select((m, i) => Message(m, $"messages[{i}]"))];
        return messages.Any(m => m.Role == "user")
            ? new ChatPrompt(messages)
            : throw RequestFields.Invalid("messages", "must hold at least one message whose role is \"user\".");
    }

    private static ChatMessage Message(JsonElement json, string path)
    {
        var fields = new RequestFields(json, path);
        var role = fields.Text("role") ?? throw RequestFields.Missing($"{path}.role", Roles);
        if (role is not ("system" or "developer" or "user" or "assistant"))
        {
            throw RequestFields.Invalid($"{path}.role", $"must be {Roles}");
        }

        var content = fields.Value("content") ?? throw RequestFields.Missing($"{path}.content", "a string or an array of text parts.");
        return new ChatMessage(role, content.ValueKind switch
        {
            JsonValueKind.String => RequestFields.Text(content, $"{path}.content"),
            JsonValueKind.Array => string.Concat(content.EnumerateArray().Select((p, i) => Part(p, $"{path}.content[{i}]"))),
            _ => throw RequestFields.WrongType($"{path}.content", "a string or an array of text parts", content),
        });
    }

    private static string Part(JsonElement json, string path)
    {
        var fields = new RequestFields(json, path);
        return fields.Text("type") is "text"
            ? fields.Text("text") ?? throw RequestFields.Missing($"{path}.text", "the part's text.")
            : throw RequestFields.Invalid($"{path}.type", "must be \"text\": this server reads text only.");
    }

    /// <summary>Text, token ids, or an array of either: then each is a prompt of its own.</summary>
    private static RequestPrompt[] Completion(RequestFields fields)
    {
        var prompt = fields.Value("prompt") ?? throw RequestFields.Missing("prompt", "a string, an array of token ids, or an array of such prompts.");
        if (prompt.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            throw RequestFields.WrongType("prompt", "a string, an array of token ids, or an array of such prompts", prompt);
        }

        return prompt.ValueKind == JsonValueKind.Array && prompt.GetArrayLength() > 0 && IsPrompt(prompt[0])
            ? [.. prompt.EnumerateArray().Select((one, i) => One(one, $"prompt[{i}]"))]
            : [One(prompt, "prompt")];
    }

    private static RequestPrompt One(JsonElement prompt, string path) => prompt.ValueKind switch
    {
        JsonValueKind.String => new TextPrompt(RequestFields.Text(prompt, path)),
        JsonValueKind.Array => new TokenPrompt([.. prompt.EnumerateArray().Select((id, i) => (int)RequestFields.Integer(id, $"{path}[{i}]", 0, int.MaxValue))]),
        _ => throw RequestFields.WrongType(path, "a string or an array of token ids", prompt),
    };

    private static bool IsPrompt(JsonElement json) => json.ValueKind is JsonValueKind.String or JsonValueKind.Array;
}
