using System.ClientModel;
using System.ClientModel.Primitives;
using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests.Clients;

/// <summary>A chat client of the OpenAI package from NuGet that notes the status of every attempt.</summary>
internal sealed class WatchedChat : IDisposable
{
    private readonly Watch _watch = new();
    private readonly HttpClient _http;

    /// <param name="app">The server; its own client's key is this one's, unless another is given.</param>
    /// <param name="model">Alias or name.</param>
    /// <param name="retries">Most attempts after the first.</param>
    /// <param name="key">Null = the right one.</param>
    public WatchedChat(ServingApp app, string model = "distilled", int retries = 0, string? key = null)
    {
        _http = new HttpClient(_watch);
        Settings = new OpenAIClientOptions
        {
            Endpoint = new Uri(app.Client.BaseAddress!, "v1"),
            RetryPolicy = new ClientRetryPolicy(retries),
            Transport = new HttpClientPipelineTransport(_http),
        };
        Key = new ApiKeyCredential(key ?? app.Client.DefaultRequestHeaders.Authorization?.Parameter ?? "unused");
        Client = new ChatClient(model, Key, Settings);
    }

    public ChatClient Client { get; }

    public ApiKeyCredential Key { get; }

    public OpenAIClientOptions Settings { get; }

    /// <summary>What the attempts got.</summary>
    public IEnumerable<int> Statuses => _watch.Statuses;

    /// <summary>Ends when the first attempt has been answered.</summary>
    public Task FirstAttempt => _watch.First.Task;

    /// <summary>Typed options: seed 5, 16 tokens, and whatever members they lack, such as <c>"n": 3</c>.</summary>
    public static ChatCompletionOptions Options(string members = "", int maxTokens = 16)
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = maxTokens };
#pragma warning disable OPENAI001, SCME0001 // seed is a preview feature of the package; Patch is the one way to send a field that the typed options lack
        options.Seed = 5;
        foreach (var (name, value) in JsonNode.Parse($"{{{members}}}")!.AsObject())
        {
            options.Patch.Set(System.Text.Encoding.UTF8.GetBytes($"$.{name}"), BinaryData.FromString(value!.ToJsonString()));
        }
#pragma warning restore OPENAI001, SCME0001
        return options;
    }

    /// <summary>One attempt, told whole: the status, code and parameter, the request id, and when to come back.</summary>
    public void AssertError(ClientResultException error, int status, string code, string? parameter, string? retryAfter = null)
    {
        var response = error.GetRawResponse()!;
        var told = JsonNode.Parse(response.Content.ToString())!["error"]!;
        Assert.Equal((status, code, parameter), (error.Status, (string?)told["code"], (string?)told["param"]));
        Assert.Contains((string)told["message"]!, error.Message, StringComparison.Ordinal);
        Assert.Contains(code, error.Message, StringComparison.Ordinal);
        Assert.True(response.Headers.TryGetValue("x-request-id", out var id) && id!.StartsWith("req-", StringComparison.Ordinal));
        Assert.Equal(retryAfter, response.Headers.TryGetValue("Retry-After", out var wait) ? wait : null);
        Assert.Equal([status], Statuses);
    }

    public void Dispose() => _http.Dispose();

    private sealed class Watch() : DelegatingHandler(new SocketsHttpHandler())
    {
        public ConcurrentQueue<int> Statuses { get; } = new();

        public TaskCompletionSource First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            Statuses.Enqueue((int)response.StatusCode);
            First.TrySetResult();
            return response;
        }
    }
}
