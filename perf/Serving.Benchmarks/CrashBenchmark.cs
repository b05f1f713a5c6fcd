using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Models;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "crash": the server as a process, killed by SIGKILL at random moments while concurrent clients ask for Best-of-N answers, and started again over the
/// same log. In the end every answer that went out must be read back whole and once, and every shard must verify.
/// </summary>
internal static class CrashBenchmark
{
    public static int Run(string[] args)
    {
        var kills = new Option<int>("--kills") { DefaultValueFactory = _ => 100 };
        var clients = new Option<int>("--clients") { DefaultValueFactory = _ => 8 };
        var longest = new Option<int>("--longest") { Description = "Latest moment of a kill, in ms after the first answer of a life.", DefaultValueFactory = _ => 1500 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var models = new Option<string?>("--models") { Description = "Registry to serve from [default: tiny random models]." };
        var command = new RootCommand("SIGKILL under load.") { kills, clients, longest, seed, models };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed.GetValue(kills), parsed.GetValue(clients), parsed.GetValue(longest), new Random(parsed.GetValue(seed)), parsed.GetValue(models), cancellationToken));
        return command.Parse(args).Invoke();
    }

    private static async Task<int> RunAsync(int kills, int clients, int longest, Random random, string? models, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var (registry, log) = (models is null ? folder.File("models") : Path.GetFullPath(models), folder.File("episodes"));
        if (models is null)
        {
            ServingApp.PublishDefaults(new ModelStore(registry, TimeProvider.System));
        }

        var answered = new ConcurrentDictionary<string, string>();
        var (torn, faults, failed) = (0, 0, 0);
        var watch = Stopwatch.StartNew();
        for (var life = 1; life <= kills + 1; life++)
        {
            await using var server = await ServerProcess.StartAsync(registry, log, cancellationToken);
            torn += server.Output.Contains("torn tail", StringComparison.Ordinal) ? 1 : 0;
            using var client = server.CreateClient();
            await server.ReadyAsync(cancellationToken);
            faults += Faults(log);                                     // what the kill before has left, repaired by this start
            if (life > kills)
            {
                break;
            }

            var (asked, before) = (life, answered.Count);
            var work = Enumerable.Range(0, clients).Select(i => AskUntilTheEndAsync(client, answered, () => Interlocked.Increment(ref failed), (asked * 1000) + i, cancellationToken)).ToArray();
            while (answered.Count == before && failed == 0)
            {
                await Task.Delay(5, cancellationToken);                // every life is killed in the middle of answering
            }

            await Task.Delay(random.Next(longest), cancellationToken);
            await server.KillAsync();
            await Task.WhenAll(work);
            if (life % 10 == 0)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{life} kills, {answered.Count} answers, {torn} torn tails cut, {faults} faults, {watch.Elapsed.TotalSeconds:F0} s"));
            }
        }

        var byId = new EpisodeReader(log).ReadAll().ToLookup(episode => episode.Id);
        var lost = answered.Count(answer => !byId.Contains(answer.Key));
        var twice = byId.Count(group => group.Count() > 1);
        var wrong = answered.Count(answer => byId[answer.Key].Any(episode => episode.Candidates[episode.Chosen].Text != answer.Value));
        Console.WriteLine($"| kills | answers | episodes | lost | twice | another text | verifier's faults | torn tails cut | refused requests |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        Console.WriteLine($"| {kills} | {answered.Count} | {byId.Sum(group => group.Count())} | {lost} | {twice} | {wrong} | {faults} | {torn} | {failed} |");
        return lost + twice + wrong + faults + failed == 0 ? 0 : 1;
    }

    private static int Faults(string log)
    {
        var report = new DatasetVerifier(RldsFolder.Open(Path.Combine(log, "serving_episodes"))).Run();
        foreach (var finding in report.Findings.Where(finding => finding.IsFault))
        {
            Console.WriteLine(finding);
        }

        return report.Findings.Count(finding => finding.IsFault);
    }

    private static async Task AskUntilTheEndAsync(
        HttpClient client, ConcurrentDictionary<string, string> answered, Action refused, int source, CancellationToken cancellationToken)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                using var body = JsonContent.Create(JsonNode.Parse(
                    ServingApp.ChatBody("best-of-n", $"Perl module {source}, number {i}.", """ "max_tokens":24,"best_of_n":{"n":8} """)));
                using var response = await client.PostAsync(new Uri("/v1/chat/completions", UriKind.Relative), body, cancellationToken);
                if (!response.IsSuccessStatusCode)
                {
                    refused();
                    return;
                }

                var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken))!;
                answered[(string)answer["id"]!] = (string)answer["choices"]![0]!["message"]!["content"]!;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)      // the kill
            {
                return;
            }
        }
    }
}
