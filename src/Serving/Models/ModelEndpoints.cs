using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Serving.Observability;

namespace Serving.Models;

/// <summary>The models that requests may name just now. The folder that owns the loaded models registers it.</summary>
public delegate IReadOnlyList<ServedModel> ServedModels();

/// <summary>One name that a request may put into its field "model".</summary>
/// <param name="Id">The name: an alias, a model's name, or "name@version".</param>
/// <param name="Version">The version behind it now.</param>
/// <param name="MaxTokens">Longest prompt and answer together, in tokens.</param>
public sealed record ServedModel(string Id, ModelFolder Version, int MaxTokens);

/// <summary>One entry of GET /v1/models: OpenAI's fields and the three that vLLM adds.</summary>
public sealed record ModelCard(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("created")] long Created,
    [property: JsonPropertyName("owned_by")] string OwnedBy,
    [property: JsonPropertyName("root")] string Root,
    [property: JsonPropertyName("parent")] string? Parent,
    [property: JsonPropertyName("max_model_len")] int MaxModelLength);

/// <summary>The answer of GET /v1/models.</summary>
public sealed record ModelList(
    [property: JsonPropertyName("object")] string Object,
    [property: JsonPropertyName("data")] IReadOnlyList<ModelCard> Data);

/// <summary>Registration of the model registry, and GET /v1/models.</summary>
public static class ModelEndpoints
{
    private const string Owner = "serving";

    /// <summary>Registers the store, the decisions and the watcher; needs a <see cref="ServedModels"/> from the folder that loads the models.</summary>
    public static IHostApplicationBuilder AddModels(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ModelOptions, ModelOptionsValidator>().BindConfiguration(ModelOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new ModelStore(
            ModelRoot.Resolve(services.GetRequiredService<IOptions<ModelOptions>>().Value.Root, builder.Environment.ContentRootPath),
            services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<DecisionLog>();
        builder.Services.AddSingleton<VersionActions>();
        builder.Services.AddSingleton<ModelWatcher>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ModelWatcher>());
        return builder;
    }

    public static RouteGroupBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/models").WithTags("Models");
        group.MapGet("/", List).WithSummary("Every name that a request may put into \"model\" now.");
        group.MapGet("/{id}", Get).WithSummary("One of these names.");
        return group;
    }

    private static Ok<ModelList> List(ServedModels served) => TypedResults.Ok(new ModelList("list", [.. served().Select(Card)]));

    private static Results<Ok<ModelCard>, NotFound<ApiErrorBody>> Get(string id, ServedModels served) =>
        served().FirstOrDefault(model => model.Id == id) is { } found
            ? TypedResults.Ok(Card(found))
            : TypedResults.NotFound(Unknown(id).Body);

    private static ApiError Unknown(string id) => new(
        StatusCodes.Status404NotFound,
        ApiError.InvalidRequest,
        "model_not_found",
        $"The model \"{id}\" does not exist; GET /v1/models lists those that do.",
        "model");

    private static ModelCard Card(ServedModel model) => new(
        model.Id,
        "model",
        model.Version.Manifest.Created.ToUnixTimeSeconds(),
        Owner,
        model.Version.Id,
        model.Version.Manifest.Parent,
        model.MaxTokens);
}
