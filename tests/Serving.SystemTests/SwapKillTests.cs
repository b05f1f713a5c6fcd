using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.SystemTests;

/// <summary>Servers and publishers as processes of their own, killed by SIGKILL in the middle of a change.</summary>
public sealed partial class SwapKillTests : IDisposable
{
    private const string Key = "operators-only";

    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;
    private readonly DecisionLog _decisions;

    public SwapKillTests()
    {
        _store = new ModelStore(_folder.File("models"), TimeProvider.System);
        _decisions = new DecisionLog(_store, TimeProvider.System);
        ServingApp.PublishDefaults(_store);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_server_killed_in_a_swap_a_promotion_or_a_roll_back_starts_again_on_the_last_committed_decision()
    {
        TinyPolicy.Publish(_store, "student", seed: 3);
        string[] actions = ["promote", "roll-back", "promote", "publish", "roll-back", "promote"];
        for (var life = 0; life <= actions.Length; life++)
        {
            await using var server = await ServerProcess.StartAsync(
                _store.Root, _folder.File("episodes"), Token, "--Experiments:Gate=Manual", "--Models:PollInterval=00:00:00.05", "--Models:MaxCanaryDivergence=0",
                "--Admin:Url=http://127.0.0.1:0", $"--Admin:ApiKeys:0={Key}");
            using var client = server.CreateClient();
            await server.ReadyAsync(Token);
            var decided = _decisions.Read("student");
            Assert.Empty(decided.Rejected);
            Assert.Equal($"student@{decided.Deployment.Current ?? 1}", await ModelOfAnswerAsync(client));
            if (life == actions.Length)
            {
                break;
            }

            var work = ActAsync(actions[life], decided.Deployment, server);
            await Task.Delay(Random.Shared.Next(40), Token);
            await server.KillAsync();
            await work;
        }
    }

    [Fact]
    public async Task A_publisher_killed_at_a_random_moment_never_shows_a_part_of_a_version()
    {
        const int Kills = 4;
        var source = _folder.File("source");
        TinyPolicy.Write(source, TinyPolicy.Config with { VocabularySize = 320, HiddenSize = 512, Heads = 8, IntermediateSize = 2048, Layers = 4 }, seed: 5);
        var parts = new List<string>();
        for (var kill = 0; kill < Kills; kill++)
        {
            await using var publisher = ServerProcess.Launch("import", source, "--name", "student", "--models", _store.Root);
            while (!Staged() && !publisher.HasExited)
            {
                await Task.Delay(1, Token);                            // killed in the middle of publishing, not of starting
            }

            var ends = Random.Shared.Next(1, 60);
            for (var i = 0; i < ends && !publisher.HasExited; i++)
            {
                parts.AddRange(Broken());
                await Task.Delay(1, Token);
            }

            await publisher.KillAsync();
            parts.AddRange(Broken());
            foreach (var left in Directory.GetDirectories(Path.Combine(_store.Root, "student"), ".staging-*"))
            {
                Directory.Delete(left, recursive: true);
            }
        }

        Assert.Empty(parts);
        await using var last = ServerProcess.Launch("import", source, "--name", "student", "--models", _store.Root);
        await last.WaitForExitAsync(Token);
        Assert.True(last.ExitCode == 0, last.Output);
        ModelStore.Verify(_store.Latest("student")!);

        bool Staged() => Directory.GetDirectories(Path.Combine(_store.Root, "student"), ".staging-*").Length > 0;
    }

    /// <summary>Versions that readers would take, but should not.</summary>
    private IEnumerable<string> Broken()
    {
        foreach (var version in _store.Versions("student").Where(version => version.Number > 1))
        {
            var reason = "";
            try
            {
                ModelStore.Verify(version);
                continue;
            }
            catch (ModelException e)
            {
                reason = e.Message;
            }

            yield return reason;
        }
    }

    private async Task ActAsync(string action, Deployment deployment, ServerProcess server)
    {
        if (action == "publish")
        {
            TinyPolicy.Publish(_store, "student", seed: 4);
            _decisions.Append("student", new Decision(DecisionKind.Promote, _store.Latest("student")!.Number, "test", "swap") { From = deployment.Current ?? 1 });
            return;
        }

        var path = action == "promote" ? "promote" : "roll-back";
        var body = action == "promote" ? $$"""{"version":"{{_store.Latest("student")!.Manifest.Version}}"}""" : "{}";
        using var admin = new HttpClient { BaseAddress = AdminAddress(server) };
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        try
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var response = await admin.PostAsync(new Uri($"/admin/models/student/{path}", UriKind.Relative), content, Token);
        }
        catch (HttpRequestException)                                   // the kill
        {
        }
    }

    private static Uri AdminAddress(ServerProcess server) => new(AdminLine().Match(server.Output).Groups[1].Value);

    private static async Task<string> ModelOfAnswerAsync(HttpClient client)
    {
        using var content = new StringContent(ServingApp.ChatBody("distilled", "Reads archives.", """ "max_tokens":4 """), Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), content, Token);
        return (string)JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!["model"]!;
    }

    [GeneratedRegex(@"The admin routes listen on (http://\S+?)\.\s")]
    private static partial Regex AdminLine();
}
