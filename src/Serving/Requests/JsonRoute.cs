using System.Text.Json;

namespace Serving.Requests;

/// <summary>Answers one body. What is wrong with it is an <see cref="Observability.ApiException"/>.</summary>
public delegate Task<byte[]> JsonAnswer(JsonElement body, RequestStamp stamp, CancellationToken cancellationToken);

/// <summary>A POST route without HTTP: JSON in, JSON out. HTTP and files of requests go through the same one. Immutable.</summary>
public sealed record JsonRoute(string Path, JsonAnswer Answer);
