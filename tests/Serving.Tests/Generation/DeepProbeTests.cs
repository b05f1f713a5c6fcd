using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Serving.Inference;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Generation;

public sealed class DeepProbeTests
{
    private static readonly Uri _probe = new("/health_generate", UriKind.Relative);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_generates_a_token_with_every_policy()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        var policies = app.Services.GetRequiredService<PolicyRegistry>();
        var before = policies.Current().ToDictionary(policy => policy.Id, policy => policy.Engine.Statistics.GeneratedTokens);

        Assert.Equal("""{"status":"ready"}""", await app.Client.GetStringAsync(_probe, Token));

        Assert.Equal(2, before.Count);
        Assert.All(policies.Current(), policy => Assert.Equal(before[policy.Id] + 1, policy.Engine.Statistics.GeneratedTokens));
    }

    [Fact]
    public async Task Without_a_policy_it_is_a_503_that_says_why()
    {
        await using var app = new ServingApp(publish: store =>
        {
            TinyPolicy.Publish(store, "anchor");
            File.AppendAllText(Path.Combine(TinyPolicy.Publish(store, "student").Path, ModelFiles.Weights), "damage");
        });
        while (app.Services.GetRequiredService<PolicyRegistry>().LoadError is null)
        {
            await Task.Delay(10, Token);
        }

        using var response = await app.Client.GetAsync(_probe, Token);
        var reply = await Reply.ReadAsync(response, Token);

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not_ready"), (reply.Status, (string?)reply.Json["error"]!["code"]));
        Assert.Contains("student", (string?)reply.Json["error"]!["message"], StringComparison.Ordinal);
    }
}
