using System.Collections.ObjectModel;
using System.Text.Json;
using Serving.Inference;
using Serving.Requests;
using Serving.Tokenization;

namespace Serving.Generation;

/// <summary>
/// Turns a JSON body into a <see cref="GenerationRequest"/>. Pure. Fields that nobody knows are accepted; known ones that this server
/// cannot honour are refused unless they hold their neutral value, since an ignored setting is a wrong answer.
/// </summary>
internal static class RequestParser
{
    private const string Roles = "\"system\", \"developer\", \"user\" or \"assistant\".";
    private const int MaxStopStrings = 4;                              // the OpenAI limit

    public static GenerationRequest Parse(AnswerKind kind, JsonElement body, GenerationOptions options)
    {
        var fields = new RequestFields(body, "");
        RefuseUnsupported(fields, "", _unsupported);
        var answers = (int)(fields.Integer("n", 1, GenerationOptions.MaxCandidates) ?? 1);
        var stream = fields.Flag("stream") ?? false;
        var streamOptions = fields.Object("stream_options");
        if (streamOptions is not null && !stream)
        {
            throw RequestFields.Invalid("stream_options", "is only allowed when \"stream\" is true.");
        }

        _ = fields.Text("user");
        return new GenerationRequest
        {
            Kind = kind,
            Model = fields.Text("model") ?? throw RequestFields.Missing("model", "name a model; GET /v1/models lists them."),
            Prompt = kind == AnswerKind.Chat ? Chat(fields) : Completion(fields),
            Answers = answers,
            BestOfN = BestOfN(fields, answers),
            Sampling = Sampling(fields, options),
            Seed = fields.Integer("seed", long.MinValue, long.MaxValue) is { } seed ? unchecked((ulong)seed) : null,
            Metadata = Metadata(fields),
            Store = fields.Flag("store") ?? true,
            LogProbs = kind == AnswerKind.Chat ? ChatLogProbs(fields) : fields.Integer("logprobs", 0, 5) is not null,
            Stream = stream,
            IncludeUsage = streamOptions?.Flag("include_usage") ?? false,
        };
    }

    private static ReadOnlyDictionary<string, string> Metadata(RequestFields fields) =>
        fields.Object("metadata")?.Texts() is { Count: > 0 } texts ? texts.AsReadOnly() : ReadOnlyDictionary<string, string>.Empty;

    private static SamplingParameters Sampling(RequestFields fields, GenerationOptions options)
    {
        var topK = fields.Integer("top_k", -1, int.MaxValue) ?? 0;
        return new SamplingParameters
        {
            Temperature = fields.Number("temperature", 0, 2) ?? 1,
            TopK = (int)Math.Max(0, topK),                             // -1 is vLLM's "all"
            TopP = fields.Number("top_p", 0, 1, open: true) ?? 1,
            MaxTokens = (int)(Tokens("max_completion_tokens") ?? Tokens("max_tokens") ?? options.MaxTokens),
            IgnoreEos = fields.Flag("ignore_eos") ?? false,
            Stop = Stop(fields),
        };

        long? Tokens(string name) => fields.Integer(name, 1, int.MaxValue);
    }

    private static string[] Stop(RequestFields fields)
    {
        if (fields.Value("stop") is not { } stop)
        {
            return [];
        }

        if (stop.ValueKind is not (JsonValueKind.String or JsonValueKind.Array))
        {
            throw RequestFields.WrongType("stop", "a string or an array of strings", stop);
        }

        string[] strings = stop.ValueKind == JsonValueKind.String
            ? [RequestFields.Text(stop, "stop")]
            : [.. stop.EnumerateArray().Take(MaxStopStrings + 1).Select((s, i) => RequestFields.Text(s, $"stop[{i}]"))];
        return strings.Length > MaxStopStrings ? throw RequestFields.Invalid("stop", $"holds more than {MaxStopStrings} strings.")
            : strings.Contains("") ? throw RequestFields.Invalid("stop", "holds an empty string, which would end every answer at once.")
            : strings;
    }

    private static BestOfNRequest? BestOfN(RequestFields fields, int answers)
    {
        var legacy = fields.Integer("best_of", 1, GenerationOptions.MaxCandidates);
        if (legacy is { } bestOf && bestOf > 1 && bestOf < answers)
        {
            throw RequestFields.Invalid("best_of", $"must be at least n ({answers}).");
        }

        if (fields.Object("best_of_n") is not { } ours)
        {
            // Old clients always send best_of: 1, which asks for nothing.
            return legacy > 1 ? new BestOfNRequest((int)legacy, CandidateReturn.Best) : null;
        }

        RefuseUnsupported(ours, "best_of_n.", _unsupportedRanking);
        var n = (int?)ours.Integer("n", 1, GenerationOptions.MaxCandidates);
        if (n < answers)
        {
            throw RequestFields.Invalid("best_of_n.n", $"must be at least n ({answers}): n of the candidates are returned, best first.");
        }

        if (legacy > 1 && n is not null && legacy != n)
        {
            throw RequestFields.Invalid("best_of", "differs from best_of_n.n; send one of them.");
        }

        var returned = ours.Text("return") switch
        {
            null or "best" => CandidateReturn.Best,
            "ranked" => CandidateReturn.Ranked,
            "all" => CandidateReturn.All,
            _ => throw RequestFields.Invalid("best_of_n.return", "must be \"best\", \"ranked\" or \"all\"."),
        };
        return new BestOfNRequest(n ?? (int?)(legacy > 1 ? legacy : null), returned)
        {
            Scorecard = ours.Text("scorecard"),
            BudgetTokens = (int?)ours.Integer("budget_tokens", 1, int.MaxValue),
            EarlyStop = EarlyStop(ours),
        };
    }

    /// <summary>true, false, or {"at": total}.</summary>
    private static EarlyStopRequest? EarlyStop(RequestFields ranking) => ranking.Value("early_stop") switch
    {
        null or { ValueKind: JsonValueKind.False } => null,
        { ValueKind: JsonValueKind.True } => new EarlyStopRequest(At: null),
        { ValueKind: JsonValueKind.Object } => ranking.Object("early_stop")!.Value.Value("at") switch
        {
            null => throw RequestFields.Missing("best_of_n.early_stop.at", "the total to stop at; or send \"early_stop\": true."),
            { ValueKind: JsonValueKind.Number } at when at.TryGetDouble(out var total) && double.IsFinite(total) => new EarlyStopRequest(total),
            { } other => throw RequestFields.WrongType("best_of_n.early_stop.at", "a finite number", other),
        },
        { } other => throw RequestFields.WrongType("best_of_n.early_stop", "true, false or {\"at\": number}", other),
    };

    private static bool ChatLogProbs(RequestFields fields)
    {
        var wanted = fields.Flag("logprobs") ?? false;
        return fields.Integer("top_logprobs", 0, 20) is > 0
            ? throw RequestFields.Unsupported("top_logprobs", "above 0 is not supported yet: only chosen tokens' log-probabilities are returned.")
            : wanted;
    }

    /// <summary>What "messages" or else "prompt" holds.</summary>
    public static RequestPrompt Prompt(RequestFields fields) => fields.Value("messages") is null ? Completion(fields) : Chat(fields);

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

    private static RequestPrompt Completion(RequestFields fields)
    {
        var prompt = fields.Value("prompt") ?? throw RequestFields.Missing("prompt", "a string or an array of token ids.");

        // [["..."]] and [[1,2]] are one prompt in the many-prompts form, which some clients always use.
        if (prompt.ValueKind == JsonValueKind.Array && prompt.GetArrayLength() == 1 && IsPrompt(prompt[0]))
        {
            prompt = prompt[0];
        }

        return prompt.ValueKind switch
        {
            JsonValueKind.String => new TextPrompt(RequestFields.Text(prompt, "prompt")),
            JsonValueKind.Array => new TokenPrompt([.. prompt.EnumerateArray().Select(Token)]),
            _ => throw RequestFields.WrongType("prompt", "a string or an array of token ids", prompt),
        };
    }

    private static bool IsPrompt(JsonElement json) => json.ValueKind is JsonValueKind.String or JsonValueKind.Array;

    private static int Token(JsonElement json, int index) => IsPrompt(json)
        ? throw RequestFields.Unsupported("prompt", "holds several prompts, which is not supported yet: send one prompt per request.")
        : (int)RequestFields.Integer(json, $"prompt[{index}]", 0, int.MaxValue);

    private static void RefuseUnsupported(
        RequestFields fields, string prefix, (string Name, Func<JsonElement, bool> IsNeutral)[] unsupported)
    {
        foreach (var (name, isNeutral) in unsupported)
        {
            if (fields.Value(name) is { } value && !isNeutral(value))
            {
                throw RequestFields.Unsupported(prefix + name, "is not supported yet: leave it out.");
            }
        }
    }

    private static readonly (string Name, Func<JsonElement, bool> IsNeutral)[] _unsupported =
    [
        ("presence_penalty", Is(0)),
        ("frequency_penalty", Is(0)),
        ("repetition_penalty", Is(1)),
        ("min_p", Is(0)),
        ("logit_bias", IsEmpty),
        ("tools", IsEmpty),
        ("functions", IsEmpty),
        ("suffix", IsEmpty),
        ("echo", v => v.ValueKind == JsonValueKind.False),
        ("response_format", v => new RequestFields(v, "response_format").Text("type") == "text"),
    ];

    private static readonly (string Name, Func<JsonElement, bool> IsNeutral)[] _unsupportedRanking =
    [
        ("scorer", _ => false),
    ];

    private static Func<JsonElement, bool> Is(double neutral) =>
        v => v.ValueKind == JsonValueKind.Number && v.TryGetDouble(out var d) && d == neutral;

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };
}
