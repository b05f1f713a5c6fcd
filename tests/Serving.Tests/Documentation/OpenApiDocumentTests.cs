using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Documentation;

/// <summary>The document says what the server does: it is held against the mapped routes, the parsers, and the answers to every documented field.</summary>
public sealed partial class OpenApiDocumentTests(ReadyApp ready) : IClassFixture<ReadyApp>
{
    // What a parser says of a field that it cannot take at all.
    private static readonly string[] _refusals = ["invalid_type", "invalid_value", "missing_required_parameter", "unsupported_parameter"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_route_is_in_it_with_a_summary_and_the_schemas_of_its_bodies()
    {
        var (app, document) = await DocumentAsync();
        var mapped = app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"], (route, method) => (Path: "/" + route.RoutePattern.RawText!.Trim('/'), Method: method))
            .Where(route => !route.Path.StartsWith("/openapi", StringComparison.Ordinal) && !route.Path.StartsWith("/scalar", StringComparison.Ordinal))
            .ToArray();

        Assert.True(mapped.Length > 15);
        foreach (var (path, method) in mapped)
        {
            var operation = document["paths"]![path]?[method.ToLowerInvariant()];
            Assert.True(operation is not null, $"{method} {path} is not in the document.");
            Assert.True(((string?)operation["summary"])?.Length > 10, $"{method} {path} has no summary.");
            Assert.True(operation["responses"]!["200"]!["content"] is JsonObject { Count: > 0 }, $"{method} {path} has no schema of its answer.");
            if (method == "POST")
            {
                Assert.NotNull(operation["requestBody"]!["content"]!["application/json"]!["schema"]);
                foreach (var status in new[] { "400", "401", "404", "413", "415", "429", "500", "503" })
                {
                    Assert.Equal("#/components/schemas/ApiErrorBody", (string?)operation["responses"]![status]!["content"]!["application/json"]!["schema"]!["$ref"]);
                }
            }
        }
    }

    [Fact]
    public async Task The_server_takes_every_documented_field_with_every_example()
    {
        var (app, document) = await DocumentAsync();
        foreach (var (path, schema, body) in Requests(document))
        {
            Assert.Equal(HttpStatusCode.OK, (await app.PostAsync(path, body.ToJsonString(), Token)).Status);
            foreach (var field in DocumentedField.Of(document, schema))
            {
                Assert.True(field.Examples.Count > 0 || field.Path.Contains('.', StringComparison.Ordinal), $"{path}: {field.Path} has no example.");
                foreach (var example in field.Examples)
                {
                    var reply = await app.PostAsync(path, field.Set(body, ParentOf(document, schema, field), example).ToJsonString(), Token);
                    Assert.True(reply.Status == HttpStatusCode.OK, $"{path}: {field.Path} = {example?.ToJsonString()}: {reply.Body}");
                }
            }
        }
    }

    [Fact]
    public async Task The_server_takes_documented_bounds_and_refuses_what_lies_beyond()
    {
        var (app, document) = await DocumentAsync();
        var bounds = 0;
        foreach (var (path, schema, body) in Requests(document))
        {
            foreach (var field in DocumentedField.Of(document, schema).Where(field => field.Types.Intersect(["integer", "number"]).Any()))
            {
                var parent = ParentOf(document, schema, field);
                var step = field.Types.Contains("integer") ? 1 : 0.001;
                foreach (var (bound, beyond) in new[] { ("minimum", -step), ("maximum", step), ("exclusiveMinimum", 0) })
                {
                    if ((double?)field.Schema[bound] is not { } limit)
                    {
                        continue;
                    }

                    bounds++;
                    var refused = await app.PostAsync(path, field.Set(body, parent, Number(limit + beyond)).ToJsonString(), Token);
                    Assert.True(
                        ((int)refused.Status, (string?)refused.Json["error"]?["param"], (string?)refused.Json["error"]?["code"]) == (400, field.Path, "invalid_value"),
                        $"{path}: {field.Path} = {limit + beyond}: {refused.Body}");
                    if (bound != "exclusiveMinimum")
                    {
                        var taken = await app.PostAsync(path, field.Set(body, parent, Number(limit)).ToJsonString(), Token);
                        Assert.True(taken.Status == HttpStatusCode.OK || !_refusals.Contains((string?)taken.Json["error"]!["code"]), $"{path}: {field.Path} = {limit}: {taken.Body}");
                    }
                }
            }
        }

        Assert.True(bounds > 40);
    }

    [Fact]
    public async Task The_server_refuses_a_documented_field_of_another_type_and_names_it()
    {
        var (app, document) = await DocumentAsync();
        foreach (var (path, schema, body) in Requests(document))
        {
            foreach (var field in DocumentedField.Of(document, schema))
            {
                JsonNode wrong = field.IsObject ? "wrong" : new JsonObject { ["wrong"] = true };
                var reply = await app.PostAsync(path, field.Set(body, ParentOf(document, schema, field), wrong).ToJsonString(), Token);
                Assert.True(
                    reply.Status == HttpStatusCode.BadRequest && ((string?)reply.Json["error"]!["param"])?.StartsWith(field.Path, StringComparison.Ordinal) is true,
                    $"{path}: {field.Path} = {wrong.ToJsonString()}: {reply.Body}");
            }
        }
    }

    [Fact]
    public void Every_field_that_a_room_reads_is_in_its_schemas()
    {
        var rooms = Directory.GetFiles(Path.Combine(Repository.Root, "src/Serving"), "requests.json", SearchOption.AllDirectories).Select(file => Path.GetDirectoryName(file)!).ToArray();
        Assert.NotEmpty(rooms);
        foreach (var room in rooms)
        {
            var documented = Names(JsonNode.Parse(File.ReadAllText(Path.Combine(room, "requests.json")))!).ToHashSet();
            var read = Directory.GetFiles(room, "*.cs").SelectMany(file => ReadField().Matches(File.ReadAllText(file))).SelectMany(match => match.Groups["name"].Captures).Select(name => name.Value).ToHashSet();

            Assert.True(read.Count > 5);
            Assert.Equal([], read.Except(documented));
        }

        static IEnumerable<string> Names(JsonNode schema) => schema switch
        {
            JsonObject members => members.SelectMany(member => (member.Key == "properties" ? member.Value!.AsObject().Select(field => field.Key) : []).Concat(Names(member.Value!))),
            JsonArray items => items.OfType<JsonNode>().SelectMany(Names),
            _ => [],
        };
    }

    [Fact]
    public async Task The_page_over_it_loads_nothing_from_elsewhere()
    {
        var app = await ready.AppAsync(Token);

        var page = await app.Client.GetStringAsync("/scalar/", Token);

        Assert.DoesNotContain("http", page.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
        var scripts = Script().Matches(page).Select(match => match.Groups["source"].Value).ToArray();
        Assert.NotEmpty(scripts);
        foreach (var script in scripts)
        {
            using var response = await app.Client.GetAsync(new Uri(new Uri("/scalar/", UriKind.Relative) + script, UriKind.Relative), Token);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Contains("openapi/v1.json", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_keys_are_asked_for_the_document_says_so()
    {
        await using var app = await new ServingApp(new Dictionary<string, string> { ["Requests:ApiKeys:0"] = "key" }).ReadyAsync(Token);
        app.Client.DefaultRequestHeaders.Add("Authorization", "Bearer key");

        var document = JsonNode.Parse(await app.Client.GetStringAsync("/openapi/v1.json", Token))!;
        var (_, open) = await DocumentAsync();

        Assert.Equal("bearer", (string?)document["components"]!["securitySchemes"]!["ApiKey"]!["scheme"]);
        Assert.NotNull(document["security"]![0]!["ApiKey"]);
        Assert.Null(open["security"]);
    }

    private async Task<(ServingApp App, JsonNode Document)> DocumentAsync()
    {
        var app = await ready.AppAsync(Token);
        var document = await app.Client.GetStringAsync("/openapi/v1.json", Token);

        // Feedback is about an answer that is there.
        var answer = await app.ChatAsync("best-of-n", "Perl module", """ "max_tokens":2,"best_of_n":{"n":1} """, Token);
        return (app, JsonNode.Parse(document.Replace("chatcmpl-0", (string?)answer.Json["id"], StringComparison.Ordinal))!);
    }

    /// <summary>Every kind of body, by one route that takes it, with its example.</summary>
    private static IEnumerable<(string Path, JsonObject Schema, JsonObject Body)> Requests(JsonNode document) => document["paths"]!.AsObject()
        .Where(path => path.Value!["post"] is not null)
        .Select(path => (Path: path.Key, Schema: DocumentedField.Resolve(document, path.Value!["post"]!["requestBody"]!["content"]!["application/json"]!["schema"]!)))
        .DistinctBy(request => request.Schema)
        .Select(request => (request.Path, request.Schema, request.Schema["examples"]![0]!.AsObject()));

    private static JsonNode? ParentOf(JsonNode document, JsonObject schema, DocumentedField field) => field.Path.Contains('.', StringComparison.Ordinal)
        ? DocumentedField.Of(document, schema).First(outer => outer.Path == field.Path.Split('.')[0]).Examples[^1]
        : null;

    private static JsonValue Number(double value) => double.IsInteger(value) ? JsonValue.Create((long)value) : JsonValue.Create(decimal.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));

    [GeneratedRegex("""\b(?:(?:Text|Flag|Integer|Number|Value|Object|Tokens)\("(?<name>[a-z_0-9]+)"|Name\(fields, "(?<name>[a-z_0-9]+)"|Texts\(fields, \[(?:"(?<name>[a-z_0-9]+)",? ?)+\])""")]
    private static partial Regex ReadField();

    [GeneratedRegex("<script[^>]* src=\"(?<source>[^\"]+)\"")]
    private static partial Regex Script();
}
