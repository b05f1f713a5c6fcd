using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using Serving.Inference;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>Reads how answers are drawn. Pure.</summary>
internal static class SamplingParser
{
    /// <summary>Most probable tokens of a position that /v1/completions gives (the OpenAI limit).</summary>
    public const int MostTextLogProbs = 5;

    private const int MostChatLogProbs = 20;                           // the OpenAI limits
    private const int MaxStopStrings = 4;
    private const float MostBias = 100;
    private const float MostRepetitionPenalty = 10;

    /// <param name="kind">The route.</param>
    /// <param name="fields">The body.</param>
    /// <param name="options">Defaults.</param>
    /// <param name="echo">Whether the prompt comes back, so that an answer may have no tokens at all.</param>
    public static SamplingParameters Parse(AnswerKind kind, RequestFields fields, GenerationOptions options, bool echo)
    {
        var topK = fields.Integer("top_k", -1, int.MaxValue) ?? 0;
        return new SamplingParameters
        {
            Temperature = fields.Number("temperature", 0, 2) ?? 1,
            TopK = (int)Math.Max(0, topK),                             // -1 is vLLM's "all"
            TopP = fields.Number("top_p", 0, 1, open: true) ?? 1,
            MinP = fields.Number("min_p", 0, 1) ?? 0,
            RepetitionPenalty = fields.Number("repetition_penalty", 0, MostRepetitionPenalty, open: true) ?? 1,
            PresencePenalty = fields.Number("presence_penalty", -2, 2) ?? 0,
            FrequencyPenalty = fields.Number("frequency_penalty", -2, 2) ?? 0,
            LogitBias = LogitBias(fields),
            TopLogProbs = (int)(kind == AnswerKind.Chat ? ChatTopLogProbs(fields) : fields.Integer("logprobs", 0, MostTextLogProbs) ?? 0),
            MaxTokens = (int)(Tokens("max_completion_tokens") ?? Tokens("max_tokens") ?? options.MaxTokens),
            IgnoreEos = fields.Flag("ignore_eos") ?? false,
            Stop = Stop(fields),
        };

        long? Tokens(string name) => fields.Integer(name, echo ? 0 : 1, int.MaxValue);
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

    private static long ChatTopLogProbs(RequestFields fields)
    {
        var count = fields.Integer("top_logprobs", 0, MostChatLogProbs) ?? 0;
        return count > 0 && fields.Flag("logprobs") is not true
            ? throw RequestFields.Invalid("top_logprobs", "is only allowed when \"logprobs\" is true.")
            : count;
    }

    private static FrozenDictionary<int, float> LogitBias(RequestFields fields) =>
        fields.Object("logit_bias")?.Members.Select(Bias).ToFrozenDictionary() ?? FrozenDictionary<int, float>.Empty;

    private static KeyValuePair<int, float> Bias(KeyValuePair<string, JsonElement> member)
    {
        var path = $"logit_bias.{member.Key}";
        return int.TryParse(member.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var token)
            ? new KeyValuePair<int, float>(token, RequestFields.Number(member.Value, path, -MostBias, MostBias))
            : throw RequestFields.Invalid(path, "is not named by a token id: send {\"<token id>\": bias}.");
    }
}
