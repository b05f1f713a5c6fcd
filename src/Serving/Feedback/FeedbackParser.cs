using System.Text.Encodings.Web;
using System.Text.Json;
using Serving.Requests;

namespace Serving.Feedback;

/// <summary>Turns a JSON body into a <see cref="FeedbackRequest"/>. Pure.</summary>
internal static class FeedbackParser
{
    private const int LongestName = 255;

    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static FeedbackRequest Parse(JsonElement body)
    {
        var fields = new RequestFields(body, "");
        var (inference, episode) = (fields.Text("inference_id"), fields.Text("episode_id"));
        if (inference is not null && episode is not null && inference != episode)
        {
            throw RequestFields.Invalid("episode_id", "and \"inference_id\" name two answers: both are the \"id\" of an answer, send one of them.");
        }

        var metric = Name(fields, "metric_name") ?? throw RequestFields.Missing(
            "metric_name", "name what the value measures; \"comment\" is a text about the answer, \"demonstration\" a better answer.");
        return new FeedbackRequest(
            inference ?? episode ?? throw RequestFields.Missing("inference_id", "send the \"id\" of the answer that the feedback is about."),
            inference is null ? "episode_id" : "inference_id",
            metric,
            Value(fields, metric),
            fields.Object("tags")?.Texts() ?? [],
            Name(fields, "workload_id") ?? "",
            Name(fields, "client_id") ?? "",
            fields.Flag("dryrun") ?? false);
    }

    private static string? Name(RequestFields fields, string field) => fields.Text(field) switch
    {
        null => null,
        { Length: > 0 and <= LongestName } name => name,
        _ => throw RequestFields.Invalid(field, $"must have 1 to {LongestName} characters."),
    };

    private static string Value(RequestFields fields, string metric)
    {
        var value = fields.Value("value") ?? throw RequestFields.Missing("value", "send a number, true or false, or a string.");
        if (metric is "comment" or "demonstration")
        {
            return RequestFields.Text(value, "value") is { Length: > 0 } text
                ? JsonSerializer.Serialize(text, _readable)
                : throw RequestFields.Invalid("value", $"must not be empty: it is the {metric}.");
        }

        return value.ValueKind switch
        {
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            JsonValueKind.String => JsonSerializer.Serialize(RequestFields.Text(value, "value"), _readable),
            JsonValueKind.Number when value.TryGetDouble(out var number) && double.IsFinite(number) => JsonSerializer.Serialize(number),
            JsonValueKind.Number => throw RequestFields.Invalid("value", "must be a number that a double can hold."),
            _ => throw RequestFields.WrongType("value", "a number, true or false, or a string", value),
        };
    }
}
