using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelEndpointsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelFolder _version;

    public ModelEndpointsTests() => _version = new ModelStore(_folder.Path, new ManualTime()).Publish(
        "anchor", ModelKind.Policy, staging => File.WriteAllText(Path.Combine(staging, "w"), "1"), parent: "base@3");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_list_has_the_shape_that_clients_read()
    {
        await using var app = await StartAsync();
        using var client = Client(app);

        var text = await client.GetStringAsync("/v1/models", Cancellation);

        var expected = """
            {"object":"list","data":[
              {"id":"best-of-n","object":"model","created":1767225600,"owned_by":"serving","root":"anchor@1","parent":"base@3","max_model_len":384},
              {"id":"anchor@1","object":"model","created":1767225600,"owned_by":"serving","root":"anchor@1","parent":"base@3","max_model_len":384}]}
            """;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(text)), text);
    }

    [Theory]
    [InlineData("/v1/models/anchor@1")]
    [InlineData("/v1/models/anchor%401")]
    public async Task One_model_is_found_by_its_id(string path)
    {
        await using var app = await StartAsync();
        using var client = Client(app);

        var model = JsonNode.Parse(await client.GetStringAsync(path, Cancellation))!;

        Assert.Equal("anchor@1", (string?)model["id"]);
        Assert.Equal("model", (string?)model["object"]);
        Assert.Equal(1767225600, (long?)model["created"]);
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("anchor@2")]
    [InlineData("ANCHOR@1")]
    [InlineData("..%2Fanchor")]
    public async Task An_unknown_model_is_answered_in_the_error_shape_of_clients(string id)
    {
        await using var app = await StartAsync();
        using var client = Client(app);

        using var answer = await client.GetAsync($"/v1/models/{id}", Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        var error = body.RootElement.GetProperty("error");
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Equal("model", error.GetProperty("param").GetString());
        Assert.Equal("model_not_found", error.GetProperty("code").GetString());
        Assert.Contains("does not exist", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Anchor", "../up")]
    [InlineData("Distilled", "student@1")]
    [InlineData("Root", "")]
    [InlineData("PollInterval", "00:00:00")]
    [InlineData("ResidentVersions", "1")]
    public async Task A_bad_setting_stops_the_start_and_is_named(string setting, string value)
    {
        var e = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync((setting, value)));

        Assert.Contains(setting, e.Message, StringComparison.Ordinal);
    }

    private async Task<WebApplication> StartAsync(params (string Name, string Value)[] settings)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration[$"{ModelOptions.Section}:Root"] = _folder.Path;
        foreach (var (name, value) in settings)
        {
            builder.Configuration[$"{ModelOptions.Section}:{name}"] = value;
        }

        builder.AddModels();
        builder.Services.AddSingleton<ServedModels>(() => [new("best-of-n", _version, 384), new("anchor@1", _version, 384)]);
        var app = builder.Build();
        app.MapModels();
        try
        {
            await app.StartAsync(Cancellation);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private static HttpClient Client(WebApplication app) => new()
    {
        BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()),
    };
}
