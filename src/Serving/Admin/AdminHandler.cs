using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Models;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Admin;

/// <summary>Answers the admin routes: what is loaded and decided, and new decisions, which this process follows before it answers. Thread-safe.</summary>
public sealed class AdminHandler(
    ModelStore store,
    DecisionLog decisions,
    VersionActions actions,
    ModelWatcher watcher,
    PolicyRegistry policies,
    IOptions<ModelOptions> models,
    IOptions<RequestOptions> requests)
{
    /// <summary>Every policy name that this server loads.</summary>
    public AdminModels List() => new([.. new[] { models.Value.Anchor, models.Value.Distilled }.Distinct(StringComparer.Ordinal).Select(Model)]);

    /// <summary>Makes a decision.</summary>
    /// <exception cref="ApiException">Unknown name (404), a body that says something else (400), or a decision that makes no sense now (409).</exception>
    public async Task<AdminAction> ActAsync(HttpContext context, string name, DecisionKind kind)
    {
        if (name != models.Value.Anchor && name != models.Value.Distilled)
        {
            throw new ApiException(new ApiError(
                StatusCodes.Status404NotFound,
                ApiError.InvalidRequest,
                "model_not_found",
                $"This server loads no policy \"{name}\"; GET /admin/models lists those it does. The verb \"models\" reaches the rest of the registry."));
        }

        var (version, reason) = await ReadAsync(context, name);
        try
        {
            var inputs = new JsonObject { ["via"] = "admin", ["address"] = context.Connection.RemoteIpAddress?.ToString() };
            var decision = actions.Decide(name, kind, version, reason, inputs);
            watcher.LookNow(name);
            return new AdminAction(Describe(decision), IdOfCurrent(name), policies.Candidate(name)?.Id);
        }
        catch (ModelException e)
        {
            throw new ApiException(new ApiError(StatusCodes.Status409Conflict, ApiError.InvalidRequest, "decision_refused", e.Message));
        }
    }

    private async Task<(int? Version, string? Reason)> ReadAsync(HttpContext context, string name)
    {
        // Nothing to say is nothing to send.
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true } || context.Request.ContentLength == 0)
        {
            return (null, null);
        }

        using var body = await RequestBody.ReadAsync(context.Request, requests.Value, context.RequestAborted);
        if (body.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new ApiException(ApiError.BadRequest("The body must be a JSON object, such as {\"version\":\"3\",\"reason\":\"...\"}.", null));
        }

        int? version = null;
        string? reason = null;
        foreach (var field in body.RootElement.EnumerateObject())
        {
            switch (field.Name)
            {
                case "version":
                    version = Version(field.Value, name);
                    break;
                case "reason" when field.Value.ValueKind is JsonValueKind.String or JsonValueKind.Null:
                    reason = field.Value.GetString();
                    break;
                case "reason":
                    throw new ApiException(ApiError.BadRequest("\"reason\" must be text.", "reason"));
                default:
                    throw new ApiException(ApiError.BadRequest($"\"{field.Name}\" is not a field of this request: it takes \"version\" and \"reason\".", field.Name));
            }
        }

        return (version, reason);
    }

    /// <summary>"3", 3 or "name@3".</summary>
    private static int? Version(JsonElement value, string name)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            _ => "",
        };
        if (text is null)
        {
            return null;
        }

        var number = text.StartsWith($"{name}@", StringComparison.Ordinal) ? text[(name.Length + 1)..] : text;
        return ModelStore.ParseVersion(number)
            ?? throw new ApiException(ApiError.BadRequest("\"version\" must be the number of a version, such as \"3\".", "version"));
    }

    private AdminModel Model(string name)
    {
        var history = decisions.Read(name);
        var gated = models.Value.IsGated(name);
        var current = IdOfCurrent(name);
        var loaded = policies.Loaded().Where(policy => policy.Folder.Manifest.Name == name).ToArray();
        var number = loaded.FirstOrDefault(policy => policy.Id == current)?.Folder.Number;
        return new AdminModel(
            name,
            gated,
            current,
            policies.Candidate(name)?.Id,
            IdOf(name, history.Deployment.Pinned),
            IdOf(name, history.Deployment.Promoted),
            [.. loaded.Select(policy => policy.Id)],
            [.. VersionStatus.Of(store.Versions(name), history.Deployment, number, gated).Select(Describe)],
            [.. history.Decisions.Select(Describe)],
            [.. watcher.Rejected(name).Select(rejected => rejected.Reason), .. history.Rejected.Select(rejected => rejected.Reason)]);
    }

    private string? IdOfCurrent(string name)
    {
        using var lease = policies.Acquire(name);
        return lease?.Value.Id;
    }

    private static string? IdOf(string name, int? version) => version is null ? null : $"{name}@{version}";

    private static AdminVersion Describe(VersionStatus version)
    {
        var manifest = version.Folder.Manifest;
        return new AdminVersion(manifest.Version, version.Words, manifest.Created, manifest.Parent, manifest.Digest);
    }

    private static AdminDecision Describe(Decision decision) => new(
        decision.Number,
        decision.Time,
        decision.Word,
        $"{decision.Version}",
        decision.From is { } from ? $"{from}" : null,
        decision.By,
        decision.Reason,
        decision.Inputs);
}
