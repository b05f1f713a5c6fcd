using System.Text.Json;

namespace Serving.Requests;

/// <summary>Answers one body. What is wrong with it is an <see cref="Observability.ApiException"/>.</summary>
public delegate Task<byte[]> JsonAnswer(JsonElement body, RequestStamp stamp, CancellationToken cancellationToken);

/// <summary>What the OpenAPI document says of a route.</summary>
/// <param name="Summary">One sentence.</param>
/// <param name="Schema">Name of the body's schema in the room's requests.json.</param>
/// <param name="Answer">Type of the answer.</param>
public sealed record RouteDescription(string Summary, string Schema, Type Answer);

/// <summary>A POST route without HTTP: JSON in, JSON out. HTTP and files of requests go through the same one. Immutable.</summary>
/// <param name="Path">Of the URL.</param>
/// <param name="Answer">What answers a body.</param>
/// <param name="Description">Null where the route is described where it is mapped.</param>
public sealed record JsonRoute(string Path, JsonAnswer Answer, RouteDescription? Description = null);
