using System.Globalization;

namespace Serving.Testing;

/// <summary>A span as a collector gets it (opentelemetry/proto/trace/v1/trace.proto). Immutable.</summary>
/// <param name="TraceId">32 hex digits.</param>
/// <param name="Id">16 hex digits.</param>
/// <param name="Parent">16 hex digits; empty for a root.</param>
/// <param name="Kind">1 = internal, 2 = server.</param>
/// <param name="Start">Nanoseconds since 1970.</param>
/// <param name="End">Nanoseconds since 1970.</param>
/// <param name="Attributes">Values as text; lists joined by commas.</param>
/// <param name="Status">0 = unset, 2 = error.</param>
public sealed record OtlpSpan(
    string TraceId, string Id, string Parent, string Name, int Kind, ulong Start, ulong End, IReadOnlyDictionary<string, string> Attributes, int Status)
{
    /// <summary>The spans of one ExportTraceServiceRequest.</summary>
    public static IEnumerable<OtlpSpan> Of(byte[] body) =>
        from resource in new ProtobufMessage(body).All(1)
        from scope in resource.Message.All(2)
        from span in scope.Message.All(2)
        select Of(span.Message);

    private static OtlpSpan Of(ProtobufMessage span) => new(
        span.One(1).Hex,
        span.One(2).Hex,
        span.One(4).Hex,
        span.One(5).Text,
        (int)span.One(6).Value,
        span.One(7).Value,
        span.One(8).Value,
        span.All(9).ToDictionary(pair => pair.Message.One(1).Text, pair => Value(pair.Message.One(2).Message)),
        (int)span.One(15).Message.One(3).Value);

    private static string Value(ProtobufMessage value) =>
        value.All(1).Any() ? value.One(1).Text
        : value.All(3).Any() ? ((long)value.One(3).Value).ToString(CultureInfo.InvariantCulture)
        : value.All(4).Any() ? BitConverter.UInt64BitsToDouble(value.One(4).Value).ToString(CultureInfo.InvariantCulture)
        : string.Join(',', value.One(5).Message.All(1).Select(item => Value(item.Message)));
}
