using System.Text;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests;

public sealed class CollectorTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_standard_variable_alone_makes_the_program_send_traces_and_metrics()
    {
        const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        using var folder = new TemporaryFolder();
        ServingApp.PublishDefaults(new ModelStore(folder.File("models"), TimeProvider.System));
        await using var receiver = await OtlpReceiver.StartAsync(Token);
        var environment = new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.Address.ToString(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "50",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "50",
        };
        await using var server = await ServerProcess.StartAsync(folder.File("models"), folder.File("episodes"), environment, Token);
        using var client = server.CreateClient();
        await server.ReadyAsync(Token);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(ServingApp.ChatBody("best-of-n", "x", """ "max_tokens":4,"best_of_n":{"n":2} """), Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("traceparent", $"00-{Trace}-00f067aa0ba902b7-01");
        using var response = await client.SendAsync(request, Token);
        while (receiver.Spans(Trace).All(span => span.Kind != 2) || receiver.MetricExports == 0)
        {
            Assert.True(response.IsSuccessStatusCode, server.Output);
            await Task.Delay(20, Token);
        }

        Assert.Equal("chat best-of-n", receiver.Spans(Trace).Single(span => span.Kind == 2).Name);
        Assert.Single(receiver.Spans(Trace), span => span.Name == "log");
    }
}
