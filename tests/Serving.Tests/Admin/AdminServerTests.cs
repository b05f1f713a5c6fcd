using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Serving.Admin;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Admin;

public sealed class AdminServerTests
{
    private const string Key = "operators-only";

    private static readonly Dictionary<string, string> _settings = new()
    {
        ["Admin:Url"] = "http://127.0.0.1:0",
        ["Admin:ApiKeys:0"] = Key,
        ["Experiments:Gate"] = "Manual",
        ["Models:PollInterval"] = "00:00:00.05",
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_operator_promotes_a_candidate_and_rolls_it_back_and_every_step_is_kept()
    {
        await using var app = await AppAsync();
        using var admin = Admin(app, Key);
        var before = (await SendAsync(admin, HttpMethod.Get, "/admin/models")).Json["data"]!.AsArray();
        Assert.Equal(["anchor", "student"], before.Select(model => (string)model!["name"]!));
        Assert.Equal("student@1", (string?)before[1]!["current"]);
        Assert.Equal("student@2", (string?)before[1]!["candidate"]);
        Assert.Equal(["candidate"], before[1]!["versions"]![1]!["status"]!.AsArray().Select(word => (string)word!));
        Assert.False((bool)before[0]!["gated"]!);

        var promoted = await SendAsync(admin, HttpMethod.Post, "/admin/models/student/promote", """{"version":"student@2","reason":"looks good"}""");

        Assert.Equal(HttpStatusCode.OK, promoted.Status);
        Assert.Equal("student@2", (string?)promoted.Json["current"]);
        Assert.Equal("promote", (string?)promoted.Json["decision"]!["kind"]);
        Assert.Equal("student@2", (string?)(await app.ChatAsync("distilled", "a", """ "max_tokens":3 """, Token)).Json["model"]);

        var back = await SendAsync(admin, HttpMethod.Post, "/admin/models/student/roll-back");

        Assert.Equal("student@1", (string?)back.Json["current"]);
        Assert.Equal("student@1", (string?)(await app.ChatAsync("distilled", "a", """ "max_tokens":3 """, Token)).Json["model"]);
        var decisions = new DecisionLog(new ModelStore(app.ModelsRoot, TimeProvider.System), TimeProvider.System).Read("student").Decisions;
        Assert.Equal([(DecisionKind.Promote, 2, 1, "looks good"), (DecisionKind.RollBack, 2, 2, "no reason given")], decisions.Select(d => (d.Kind, d.Version, d.From!.Value, d.Reason)));
        Assert.All(decisions, decision => Assert.Equal(("operator", "127.0.0.1"), (decision.By, (string?)decision.Inputs!["address"])));
        var after = (await SendAsync(admin, HttpMethod.Get, "/admin/models")).Json["data"]![1]!;
        Assert.Equal(2, after["decisions"]!.AsArray().Count);
        Assert.Equal(["held back"], after["versions"]![1]!["status"]!.AsArray().Select(word => (string)word!));
    }

    [Theory]
    [InlineData("/admin/models/student/promote", null, HttpStatusCode.Conflict, "Name the version of \"student\" that is meant, as in student@2.")]
    [InlineData("/admin/models/student/promote", """{"version":"9"}""", HttpStatusCode.Conflict, "There is no version \"student@9\"")]
    [InlineData("/admin/models/student/promote", """{"version":"one"}""", HttpStatusCode.BadRequest, "\"version\" must be the number of a version")]
    [InlineData("/admin/models/student/promote", """{"versoin":"2"}""", HttpStatusCode.BadRequest, "\"versoin\" is not a field of this request")]
    [InlineData("/admin/models/student/promote", """{"version":"2","reason":7}""", HttpStatusCode.BadRequest, "\"reason\" must be text")]
    [InlineData("/admin/models/student/promote", "[]", HttpStatusCode.BadRequest, "must be a JSON object")]
    [InlineData("/admin/models/student/promote", "{", HttpStatusCode.BadRequest, "not valid JSON")]
    [InlineData("/admin/models/anchor/promote", """{"version":"1"}""", HttpStatusCode.Conflict, "\"anchor\" has no gate")]
    [InlineData("/admin/models/anchor/roll-back", null, HttpStatusCode.Conflict, "anchor@1 is the only version to use")]
    [InlineData("/admin/models/student/roll-back", null, HttpStatusCode.Conflict, "student@1 was never promoted")]
    [InlineData("/admin/models/student/unpin", null, HttpStatusCode.Conflict, "\"student\" is not pinned")]
    [InlineData("/admin/models/student/retire", """{"version":"1"}""", HttpStatusCode.Conflict, "student@1 is in use")]
    [InlineData("/admin/models/nobody/pin", """{"version":"1"}""", HttpStatusCode.NotFound, "loads no policy \"nobody\"")]
    [InlineData("/admin/models/student/dance", "{}", HttpStatusCode.NotFound, "There is no route")]
    public async Task Nonsense_is_refused_with_what_to_do_and_decides_nothing(string path, string? body, HttpStatusCode status, string message)
    {
        await using var app = await AppAsync();
        using var admin = Admin(app, Key);

        var reply = await SendAsync(admin, HttpMethod.Post, path, body);

        Assert.Equal(status, reply.Status);
        Assert.Contains(message, (string?)reply.Json["error"]!["message"], StringComparison.Ordinal);
        var store = new ModelStore(app.ModelsRoot, TimeProvider.System);
        Assert.All(store.Names(), name => Assert.Empty(new DecisionLog(store, TimeProvider.System).Read(name).Decisions));
    }

    [Fact]
    public async Task Without_a_key_of_its_own_nothing_is_shown_and_neither_side_has_the_others_routes()
    {
        await using var app = await new ServingApp(new Dictionary<string, string>(_settings) { ["Requests:ApiKeys:0"] = "callers" }).ReadyAsync(Token);
        app.Client.DefaultRequestHeaders.Authorization = new("Bearer", "callers");
        using var admin = Admin(app, Key);
        foreach (var key in (string[])["", "callers", Key + "x"])
        {
            using var stranger = Admin(app, key);
            Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(stranger, HttpMethod.Get, "/admin/models")).Status);
            Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(stranger, HttpMethod.Post, "/admin/models/student/pin", """{"version":"1"}""")).Status);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await app.PostAsync("/admin/models/student/pin", """{"version":"1"}""", Token)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(admin, HttpMethod.Post, "/v1/chat/completions", "{}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(admin, HttpMethod.Get, "/metrics")).Status);
    }

    [Fact]
    public async Task It_is_off_unless_it_is_given_an_address_and_does_not_start_without_a_key()
    {
        await using var app = await new ServingApp().ReadyAsync(Token);
        Assert.Null(app.Services.GetRequiredService<AdminServer>().Address);

        Assert.Contains("Admin:ApiKeys is empty", Problem(new AdminOptions { Url = "http://127.0.0.1:8081" }), StringComparison.Ordinal);
        Assert.Contains("not an address such as", Problem(new AdminOptions { Url = "8081", ApiKeys = { Key } }), StringComparison.Ordinal);
        Assert.Null(Problem(new AdminOptions { Url = "http://127.0.0.1:8081", ApiKeys = { Key } }));

        static string? Problem(AdminOptions options) => new AdminOptionsValidator().Validate(null, options).FailureMessage;
    }

    private static Task<ServingApp> AppAsync() => new ServingApp(_settings, store =>
    {
        ServingApp.PublishDefaults(store);
        TinyPolicy.Publish(store, "student", seed: 3);
    }).CandidateAsync(Token);

    private static HttpClient Admin(ServingApp app, string key)
    {
        var client = new HttpClient { BaseAddress = app.Services.GetRequiredService<AdminServer>().Address };
        if (key.Length > 0)
        {
            client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        }

        return client;
    }

    private static async Task<Reply> SendAsync(HttpClient client, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await client.SendAsync(request, Token);
        return await Reply.ReadAsync(response, Token);
    }
}
