using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>The body that a route takes, as endpoint metadata: the name of a schema in its room's requests.json.</summary>
public sealed record RequestSchema(string Name);

/// <summary>What routes take and give, told beside where they are mapped and read by the OpenAPI document.</summary>
public static class RouteDescriptions
{
    /// <summary>Where the document's generator finds what <see cref="Streams"/> says: it keeps one kind of content for each status. No answer has this one.</summary>
    public const int EventsStatus = 299;

    private static readonly int[] _failures =
    [
        StatusCodes.Status400BadRequest,
        StatusCodes.Status401Unauthorized,
        StatusCodes.Status404NotFound,
        StatusCodes.Status413PayloadTooLarge,
        StatusCodes.Status415UnsupportedMediaType,
        StatusCodes.Status429TooManyRequests,
        StatusCodes.Status500InternalServerError,
        StatusCodes.Status503ServiceUnavailable,
    ];

    /// <summary>A route that reads a JSON body, with what can go wrong on every such route.</summary>
    /// <param name="route">The route.</param>
    /// <param name="schema">Name of the body's schema in the room's requests.json.</param>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder route, string schema)
    {
        route.WithMetadata(new RequestSchema(schema));
        foreach (var status in _failures)
        {
            route.Fails(status);
        }

        return route;
    }

    /// <summary>The body of an answer with status 200.</summary>
    public static RouteHandlerBuilder Gives<T>(this RouteHandlerBuilder route) => route.Gives(typeof(T));

    /// <summary>The body of an answer with status 200.</summary>
    public static RouteHandlerBuilder Gives(this RouteHandlerBuilder route, Type answer) => route.Produces(StatusCodes.Status200OK, answer, "application/json");

    /// <summary>The data of each event, where the request asks for a stream.</summary>
    public static RouteHandlerBuilder Streams<T>(this RouteHandlerBuilder route) => route.Produces<T>(EventsStatus, "text/event-stream");

    /// <summary>A status that comes with the common error object.</summary>
    public static RouteHandlerBuilder Fails(this RouteHandlerBuilder route, int status) => route.Produces<ApiErrorBody>(status, "application/json");
}
