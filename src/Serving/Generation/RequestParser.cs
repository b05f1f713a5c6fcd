using System.Collections.ObjectModel;
using System.Text.Json;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>
/// Turns a JSON body into a <see cref="GenerationRequest"/>. Pure. Fields that nobody knows are accepted; known ones that this server
/// cannot honour are refused unless they hold their neutral value, since an ignored setting is a wrong answer.
/// </summary>
internal static class RequestParser
{
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

        var user = fields.Text("user");
        var identifier = fields.Text("safety_identifier");              // OpenAI's newer name for the same
        var model = fields.Text("model") ?? throw RequestFields.Missing("model", "name a model; GET /v1/models lists them.");
        var prompts = PromptParser.Parse(kind, fields);
        if (prompts.Count * answers > GenerationOptions.MaxChoices)
        {
            throw RequestFields.Invalid(
                "prompt", $"asks for {prompts.Count} x {answers} answers; one request may ask for {GenerationOptions.MaxChoices}. Send several requests.");
        }

        var echo = fields.Flag("echo") ?? false;
        if (echo && kind == AnswerKind.Chat)
        {
            throw RequestFields.Unsupported("echo", "is not supported in a conversation: use /v1/completions.");
        }

        var request = new GenerationRequest
        {
            Kind = kind,
            Model = model,
            Prompts = prompts,
            Answers = answers,
            BestOfN = BestOfN(fields, answers),
            Sampling = SamplingParser.Parse(kind, fields, options, echo) with { Grammar = ResponseFormatParser.Parse(fields) },
            ResponseFormat = fields.Object("response_format")?.Text("type") ?? "text",
            Seed = fields.Integer("seed", long.MinValue, long.MaxValue) is { } seed ? unchecked((ulong)seed) : null,
            Metadata = Metadata(fields),
            User = identifier ?? user,
            Store = fields.Flag("store") ?? true,
            LogProbs = kind == AnswerKind.Chat ? fields.Flag("logprobs") ?? false : fields.Integer("logprobs", 0, SamplingParser.MostTextLogProbs) is not null,
            Echo = echo,
            Stream = stream,
            IncludeUsage = streamOptions?.Flag("include_usage") ?? false,
        };
        return request with { Ignored = fields.Unread };
    }

    private static ReadOnlyDictionary<string, string> Metadata(RequestFields fields) =>
        fields.Object("metadata")?.Texts() is { Count: > 0 } texts ? texts.AsReadOnly() : ReadOnlyDictionary<string, string>.Empty;

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
        ("tools", IsEmpty),
        ("functions", IsEmpty),
        ("suffix", IsEmpty),
    ];

    private static readonly (string Name, Func<JsonElement, bool> IsNeutral)[] _unsupportedRanking =
    [
        ("scorer", _ => false),
    ];

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };
}
