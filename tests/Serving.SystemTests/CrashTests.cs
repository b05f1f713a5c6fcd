using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Episodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests;

public sealed class CrashTests
{
    private const int Clients = 6;
    private const int AnswersBeforeTheKill = 40;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_answer_that_went_out_before_a_SIGKILL_is_read_back_whole_and_once()
    {
        using var folder = new TemporaryFolder();
        ServingApp.PublishDefaults(new ModelStore(folder.File("models"), TimeProvider.System));
        var answered = new ConcurrentDictionary<string, JsonNode>();

        // Three lives over one log: each ends by SIGKILL in the middle of its work, each begins by repairing what the last one left.
        for (var life = 1; life <= 3; life++)
        {
            await using var server = await ServerProcess.StartAsync(folder.File("models"), folder.File("episodes"), Token);
            using var client = server.CreateClient();
            await server.ReadyAsync(Token);
            var before = answered.Count;
            var work = Enumerable.Range(0, Clients).Select(i => AskUntilTheEndAsync(client, answered, (life * 1000) + i)).ToArray();
            while (answered.Count < before + AnswersBeforeTheKill)
            {
                Assert.False(work.All(w => w.IsCompleted), server.Output);
                await Task.Delay(5, Token);
            }

            await server.KillAsync();
            await Task.WhenAll(work);
        }

        var episodes = new EpisodeReader(folder.File("episodes")).ReadAll().ToArray();
        Assert.Equal(episodes.Length, episodes.Select(e => e.Id).Distinct().Count());
        var byId = episodes.ToDictionary(e => e.Id);
        foreach (var (id, answer) in answered)
        {
            var episode = byId[id];
            var report = answer["best_of_n"]!;
            Assert.Equal((int)report["chosen"]!, episode.Chosen);
            Assert.Equal((string?)answer["choices"]![0]!["message"]!["content"], episode.Candidates[episode.Chosen].Text);
            Assert.Equal(report["candidates"]!.AsArray().Select(c => (string?)c!["text"]), episode.Candidates.Select(c => c.Text));
            Assert.All(episode.Candidates, c => Assert.Equal(c.Tokens.Length, c.LogProbs.Length));
        }

        // What was logged but not answered is at most what was under way at the kills.
        Assert.InRange(episodes.Length, answered.Count, answered.Count + (3 * Clients));
    }

    private static async Task AskUntilTheEndAsync(HttpClient client, ConcurrentDictionary<string, JsonNode> answered, int source)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                using var body = JsonContent.Create(JsonNode.Parse(
                    ServingApp.ChatBody("best-of-n", $"Perl module {source}, number {i}.", """ "max_tokens":12,"best_of_n":{"n":4,"return":"all"} """)));
                using var response = await client.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, Token);
                Assert.True(response.IsSuccessStatusCode);
                var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!;
                Assert.True(answered.TryAdd((string)answer["id"]!, answer));
            }
            catch (HttpRequestException)                               // the kill
            {
                return;
            }
            catch (HttpIOException)
            {
                return;
            }
        }
    }
}
