using System.Text.Json;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Scoring;

/// <summary>A pair to score.</summary>
internal readonly record struct ScorePair(string Source, string Answer);

/// <summary>A rerank request.</summary>
/// <param name="TopN">How many results go out.</param>
internal sealed record RerankRequest(string? Model, string Query, IReadOnlyList<string> Documents, int TopN, bool ReturnDocuments, bool RawScores);

/// <summary>
/// Reads the bodies of the scoring routes, in the shapes of vLLM (/score, /classify), Jina and Cohere (/rerank) and OpenRLHF (/get_reward). Pure.
/// </summary>
internal static class ScoreRequests
{
    /// <summary>"queries" and "documents", or their older names "text_1" and "text_2": one with one, one with many, or many with as many.</summary>
    public static IReadOnlyList<ScorePair> Pairs(RequestFields fields, int most)
    {
        var (left, sources) = Texts(fields, ["queries", "query", "text_1"]);
        var (right, answers) = Texts(fields, ["documents", "document", "text_2"]);
        if (sources.Count != 1 && sources.Count != answers.Count)
        {
            throw RequestFields.Invalid(
                left, $"holds {sources.Count} texts, but \"{right}\" {answers.Count}: send one for all of them, or as many as there are.");
        }

        RefuseMore(right, answers.Count, most);
        return [.. answers.Select((answer, i) => new ScorePair(sources[sources.Count == 1 ? 0 : i], answer))];
    }

    public static RerankRequest Rerank(RequestFields fields, int most, bool returnDocuments)
    {
        var query = fields.Text("query") ?? throw RequestFields.Missing("query", "the text that documents are ranked for.");
        var documents = fields.Value("documents") ?? throw RequestFields.Missing("documents", "an array of texts.");
        var texts = Array(documents, "documents").Select((document, i) => Document(document, $"documents[{i}]")).ToArray();
        RefuseMore("documents", texts.Length, most);
        return new RerankRequest(
            fields.Text("model"),
            query,
            texts,
            (int)Math.Min(texts.Length, fields.Integer("top_n", 1, int.MaxValue) ?? texts.Length),
            fields.Flag("return_documents") ?? returnDocuments,
            fields.Flag("raw_scores") ?? false);
    }

    /// <summary>"input": one pair ["source", "answer"] or an array of pairs.</summary>
    public static IReadOnlyList<ScorePair> Inputs(RequestFields fields, int most)
    {
        const string what = "a pair [\"source\", \"answer\"] or an array of pairs: these classifiers judge an answer by its source.";
        var name = fields.Value("input") is null && fields.Value("inputs") is not null ? "inputs" : "input";
        var input = Array(fields.Value(name) ?? throw RequestFields.Missing(name, what), name);
        if (input is [{ ValueKind: JsonValueKind.String }, { ValueKind: JsonValueKind.String }])
        {
            return [Pair(input, name)];
        }

        RefuseMore(name, input.Length, most);
        return [.. input.Select((pair, i) => pair.ValueKind == JsonValueKind.Array
            ? Pair([.. pair.EnumerateArray()], $"{name}[{i}]")
            : throw RequestFields.Invalid($"{name}[{i}]", $"is not {what}"))];
    }

    /// <summary>A conversation whose last message is the answer; what it answers is the user message before it.</summary>
    public static ScorePair Conversation(RequestFields fields)
    {
        var value = fields.Value("messages")
            ?? throw RequestFields.Missing("messages", "send the conversation as [{\"role\":\"user\",...},{\"role\":\"assistant\",...}].");
        var messages = Array(value, "messages").Select((json, i) => Message(json, $"messages[{i}]")).ToArray();
        if (messages is not [.., { Role: "assistant" } answer])
        {
            throw RequestFields.Invalid("messages", "must end with the assistant's message, which is what gets the reward.");
        }

        var source = messages.LastOrDefault(message => message.Role == "user").Content
            ?? throw RequestFields.Invalid("messages", "must hold a message whose role is \"user\".");
        return new ScorePair(source, answer.Content);
    }

    /// <summary>"query": whole texts, each with its prompt in "prompts", which it begins with.</summary>
    public static IReadOnlyList<ScorePair> Queries(RequestFields fields, int most)
    {
        var (_, queries) = Texts(fields, ["query"]);
        if (fields.Value("prompts") is null)
        {
            throw RequestFields.Missing("prompts", "the prompt of each query, so that the answer can be told from it.");
        }

        var (_, prompts) = Texts(fields, ["prompts"]);
        if (prompts.Count != queries.Count)
        {
            throw RequestFields.Invalid("prompts", $"holds {prompts.Count} texts, but \"query\" {queries.Count}.");
        }

        RefuseMore("query", queries.Count, most);
        return [.. queries.Select((query, i) => query.StartsWith(prompts[i], StringComparison.Ordinal)
            ? new ScorePair(prompts[i], query[prompts[i].Length..])
            : throw RequestFields.Invalid($"query[{i}]", $"does not begin with prompts[{i}]."))];
    }

    private static (string Role, string Content) Message(JsonElement json, string path)
    {
        var fields = new RequestFields(json, path);
        return (
            fields.Text("role") ?? throw RequestFields.Missing($"{path}.role", "\"system\", \"developer\", \"user\" or \"assistant\"."),
            fields.Text("content") ?? throw RequestFields.Missing($"{path}.content", "the message's text."));
    }

    private static ScorePair Pair(JsonElement[] pair, string path) => pair.Length == 2
        ? new ScorePair(RequestFields.Text(pair[0], $"{path}[0]"), RequestFields.Text(pair[1], $"{path}[1]"))
        : throw RequestFields.Invalid(path, $"holds {pair.Length} texts; a pair is [\"source\", \"answer\"].");

    /// <summary>A text, or an object that has it as "text".</summary>
    private static string Document(JsonElement json, string path) => json.ValueKind == JsonValueKind.Object
        ? new RequestFields(json, path).Text("text") ?? throw RequestFields.Missing($"{path}.text", "the document's text.")
        : RequestFields.Text(json, path);

    private static (string Name, IReadOnlyList<string> Texts) Texts(RequestFields fields, string[] names)
    {
        var name = names.FirstOrDefault(name => fields.Value(name) is not null) ?? throw RequestFields.Missing(names[0], "a text or an array of texts.");
        var value = fields.Value(name)!.Value;
        return (name, value.ValueKind == JsonValueKind.String
            ? [RequestFields.Text(value, name)]
            : [.. Array(value, name).Select((text, i) => RequestFields.Text(text, $"{name}[{i}]"))]);
    }

    private static JsonElement[] Array(JsonElement value, string path) =>
        value.ValueKind != JsonValueKind.Array ? throw RequestFields.WrongType(path, "an array", value)
        : value.GetArrayLength() == 0 ? throw RequestFields.Invalid(path, "is empty.")
        : [.. value.EnumerateArray()];

    private static void RefuseMore(string path, int count, int most)
    {
        if (count > most)
        {
            throw new ApiException(ApiError.BadRequest(
                $"\"{path}\" holds {count} texts; one request may hold {most} (Scoring:MaxPairs). Send several requests, or use the verb \"score\" for files.", path));
        }
    }
}
