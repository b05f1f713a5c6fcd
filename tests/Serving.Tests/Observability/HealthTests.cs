using System.Net;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Observability;

public sealed class HealthTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_with_everything_loaded_is_ready()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);

        Assert.Equal("""{"status":"ready"}""", await app.Client.GetStringAsync("/readyz", Token));
        Assert.Equal("""{"status":"ready"}""", await app.Client.GetStringAsync("/health", Token));
        Assert.Equal("""{"status":"alive"}""", await app.Client.GetStringAsync("/livez", Token));
        Assert.StartsWith("0.1.0", (string?)JsonNode.Parse(await app.Client.GetStringAsync("/version", Token))!["version"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_scorer_is_a_reason_and_the_server_gets_ready_when_it_is_published()
    {
        await using var app = new ServingApp(publish: store =>
        {
            TinyPolicy.Publish(store, "anchor");
            TinyPolicy.Publish(store, "student");
        });

        using (var response = await app.Client.GetAsync(new Uri("/readyz", UriKind.Relative), Token))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal("1", response.Headers.GetValues("Retry-After").Single());
            Assert.NotNull(JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!["reasons"]!["scorers"]);
        }

        TinyScorer.PublishBoth(new ModelStore(app.ModelsRoot, TimeProvider.System));
        await app.ReadyAsync(Token);
    }
}
