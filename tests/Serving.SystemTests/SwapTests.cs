using System.Globalization;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests;

/// <summary>Versions are published while clients ask.</summary>
public sealed class SwapTests
{
    private const int Versions = 5;
    private const int Clients = 6;
    private const int MaxTokens = 24;

    private static readonly Dictionary<string, string> _settings = new()
    {
        ["Experiments:Gate"] = "Off",
        ["Models:PollInterval"] = "00:00:00.05",
        ["Inference:PrefixCacheTokens"] = "4096",
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Under_streaming_and_buffered_requests_no_answer_fails_is_cut_or_mixed_and_each_is_that_of_a_cold_server()
    {
        await using var app = await new ServingApp(_settings).ReadyAsync(Token);
        var store = new ModelStore(app.ModelsRoot, TimeProvider.System);
        var traffic = new SwapTraffic(app.Client, "distilled", Clients, MaxTokens, Prompt);
        var stopped = false;
        var running = traffic.RunAsync(() => Volatile.Read(ref stopped), Token);
        for (var version = 1; version <= Versions; version++)
        {
            // Both kinds of answers of every version, so that each swap meets requests of both.
            var id = $"student@{version}";
            while (!(Answered(id, streamed: true) && Answered(id, streamed: false)))
            {
                Assert.False(running.IsFaulted, running.Exception?.ToString());
                await Task.Delay(5, Token);
            }

            if (version < Versions)
            {
                TinyPolicy.Publish(store, "student", seed: Seed(version + 1));
            }
        }

        Volatile.Write(ref stopped, true);
        await running;

        Assert.All(traffic.Answers, answer => Assert.Null(answer.Fault));
        Assert.Equal(Enumerable.Range(1, Versions).Select(version => $"student@{version}"), traffic.Answers.Select(answer => answer.Model).Distinct().Order());
        Assert.Empty(app.Log.Lines);
        foreach (var version in traffic.Answers.GroupBy(answer => answer.Model))
        {
            var texts = await ColdAsync(int.Parse(version.Key["student@".Length..], CultureInfo.InvariantCulture));
            Assert.All(version, answer => Assert.Equal(texts[answer.Request], answer.Text));
        }

        bool Answered(string id, bool streamed) => traffic.Answers.Any(answer => answer.Streamed == streamed && answer.Model == id);
    }

    /// <summary>Texts of all requests from a server that has never had another version.</summary>
    private static async Task<string[]> ColdAsync(int version)
    {
        await using var app = await new ServingApp(publish: store =>
        {
            ServingApp.PublishDefaults(store);
            Directory.Delete(Path.Combine(store.Root, "student"), recursive: true);
            TinyPolicy.Publish(store, "student", seed: Seed(version));
        }).ReadyAsync(Token);
        var cold = new SwapTraffic(app.Client, "distilled", 1, MaxTokens, Prompt);
        var texts = new string[SwapTraffic.Distinct];
        for (var request = 0; request < SwapTraffic.Distinct; request++)
        {
            texts[request] = (await cold.AskAsync((2 * request) + 1, Token)).Text;
        }

        return texts;
    }

    private static int Seed(int version) => version + 1;                  // the first version is that of the defaults

    private static string Prompt(int request) => $"Package number {request} reads {request * 7 % 13} archives.";
}
