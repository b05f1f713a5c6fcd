using System.Text;

namespace Serving.Episodes;

/// <summary>A <see cref="FeedbackRecord"/> as one Example, and back. Stateless.</summary>
internal static class FeedbackCodec
{
    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>A framed record in a pooled array, which the caller returns.</summary>
    /// <exception cref="ArgumentException">A text has half of a surrogate pair.</exception>
    public static EncodedFrame Encode(FeedbackRecord feedback)
    {
        using var tags = new PooledBuffer();
        JsonText.WriteObject(tags, feedback.Tags);
        using var record = new ExampleWriter();
        record.Bytes("client_id"u8, _utf8.GetBytes(feedback.Client));
        record.Int64("created_unix_ns"u8, (feedback.Created.UtcTicks - DateTime.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick);
        record.Bytes("episode_id"u8, _utf8.GetBytes(feedback.EpisodeId));
        record.Bytes("feedback_id"u8, _utf8.GetBytes(feedback.Id));
        record.Bytes("metric_name"u8, _utf8.GetBytes(feedback.Metric));
        record.Bytes("tags"u8, tags.Written);
        record.Bytes("value"u8, _utf8.GetBytes(feedback.Value));
        record.Bytes("workload_id"u8, _utf8.GetBytes(feedback.Workload));
        return record.Finish();
    }

    /// <exception cref="InvalidDataException">Protobuf damage, or a field that is missing; the message says which.</exception>
    public static FeedbackRecord Decode(ReadOnlyMemory<byte> payload)
    {
        var record = TfExample.Parse(payload);
        return new FeedbackRecord
        {
            Id = Text(record, "feedback_id"),
            Created = new DateTimeOffset(
                DateTime.UnixEpoch.Ticks + Feature(record, "created_unix_ns", TfKind.Int64).Int64s[0] / TimeSpan.NanosecondsPerTick, TimeSpan.Zero),
            EpisodeId = Text(record, "episode_id"),
            Metric = Text(record, "metric_name"),
            Value = Text(record, "value"),
            Tags = JsonText.ReadObject(Feature(record, "tags", TfKind.Bytes).Bytes[0].Span),
            Workload = Text(record, "workload_id"),
            Client = Text(record, "client_id"),
        };
    }

    private static string Text(TfExample record, string key)
    {
        try
        {
            return _utf8.GetString(Feature(record, key, TfKind.Bytes).Bytes[0].Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"field '{key}': it is not UTF-8", e);
        }
    }

    private static TfFeature Feature(TfExample record, string key, TfKind kind) =>
        record.Features.TryGetValue(key, out var feature) && feature.Kind == kind && feature.Count == 1
            ? feature
            : throw new InvalidDataException($"field '{key}': it is missing, or not one value of kind {kind}");
}
