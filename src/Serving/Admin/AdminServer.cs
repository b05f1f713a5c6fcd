using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Admin;

/// <summary>
/// The admin routes as a web application of their own, with its own listener and keys: what is not mapped there cannot be reached there, nor the other way
/// round. Does nothing without Admin:Url.
/// </summary>
public sealed partial class AdminServer(
    AdminHandler handler,
    IOptions<AdminOptions> options,
    IOptions<RequestOptions> requests,
    ILogger<AdminServer> logger,
    ILogger<ApiErrors> errors) : IHostedService, IAsyncDisposable
{
    private readonly AdminOptions _options = options.Value;
    private WebApplication? _app;

    /// <summary>Where it listens; null while it does not.</summary>
    public Uri? Address => _app is null ? null : new Uri(_app.Urls.First());

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(_options.Url))
        {
            return;
        }

        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();               // nothing of the server's own settings holds here
        builder.Configuration.AddInMemoryCollection();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(_options.Url);
        builder.Services.AddSingleton<IHostLifetime, OuterLifetime>();
        builder.AddRequests();
        builder.Services.PostConfigure<RequestOptions>(inner =>
        {
            (inner.MaxBodyBytes, inner.MaxJsonDepth) = (requests.Value.MaxBodyBytes, requests.Value.MaxJsonDepth);
            foreach (var key in _options.ApiKeys)
            {
                inner.ApiKeys.Add(key);
            }
        });
        builder.Services.AddSingleton(errors);
        _app = builder.Build();
        _app.UseObservability();
        _app.UseRequests();
        Map(_app);
        await _app.StartAsync(cancellationToken);
        Log.Listening(logger, _app.Urls.First());
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    private void Map(WebApplication app)
    {
        app.MapGet("/admin/models", () => TypedResults.Json(handler.List(), AdminJson.Default.AdminModels));
        foreach (var (word, kind) in VersionActions.Kinds)
        {
            app.MapPost($"/admin/models/{{name}}/{word}", async (HttpContext context, string name) =>
                TypedResults.Json(await handler.ActAsync(context, name, kind), AdminJson.Default.AdminAction));
        }
    }

    /// <summary>Signals end the server, which then ends this.</summary>
    private sealed class OuterLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(8000, LogLevel.Information, "The admin routes listen on {Address}.")]
        public static partial void Listening(ILogger logger, string address);
    }
}
