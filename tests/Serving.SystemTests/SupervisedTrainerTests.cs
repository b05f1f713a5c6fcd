using System.Diagnostics;
using System.Runtime.InteropServices;
using Serving.Models;
using Serving.Testing;

namespace Serving.SystemTests;

/// <summary>The server's own trainer: it learns from what is served, and whatever happens to it, serving goes on.</summary>
public sealed partial class SupervisedTrainerTests : IDisposable
{
    private const int Stop = 19;                  // SIGSTOP

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Enough_new_episodes_begin_a_run_whose_version_is_served_and_the_next_run_waits_for_as_many_again()
    {
        await using var server = await SupervisedServer.StartAsync(_folder, Token);

        await server.LogEpisodesAsync(SupervisedServer.Episodes - 1, Token);
        Assert.DoesNotContain("Training run", server.Output, StringComparison.Ordinal);
        await server.LogEpisodesAsync(1, Token);
        await ServedAsync(server, "student@2");
        await server.LogEpisodesAsync(SupervisedServer.Episodes, Token);
        await ServedAsync(server, "student@3");

        var versions = new ModelStore(_folder.File("models"), TimeProvider.System).Versions("student");
        Assert.Equal(["student@1", "student@2"], versions.Skip(1).Select(version => version.Manifest.Parent));
        Assert.Equal([12, 24], versions.Skip(1).Select(version => (int)version.Manifest.Training!["episodes"]!));
        Assert.All(versions.Skip(1), version => Assert.Equal("anchor@1", (string?)version.Manifest.Training!["teacher"]));
        var metrics = await server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Token);
        Assert.Contains("serving_trainer_state", metrics, StringComparison.Ordinal);
        Assert.Contains("serving_trainer_runs", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_run_waits_for_the_decision_on_the_version_before_and_begins_at_what_it_led_to()
    {
        await using var server = await SupervisedServer.StartAsync(_folder, Token, "--Experiments:Gate=Manual", "--Experiments:ShadowShare=0");
        var store = new ModelStore(_folder.File("models"), TimeProvider.System);

        await server.LogEpisodesAsync(SupervisedServer.Episodes, Token);
        await server.PrintedAsync("Training run 1 has ended", Token);
        await server.UntilAsync(() => server.IsServedAsync("student@2", Token), Token);
        await server.LogEpisodesAsync(2 * SupervisedServer.Episodes, Token);
        Assert.Equal("student@1", await server.DistilledAsync(Token));
        new DecisionLog(store, TimeProvider.System).Append("student", new Decision(DecisionKind.Promote, 2, "operator", "It is good."));

        await server.PrintedAsync("Training run 2 begins: student@2 from anchor@1 on 36 episodes", Token);
    }

    [Fact]
    public async Task A_trainer_that_is_killed_or_hangs_is_replaced_by_one_that_goes_on()
    {
        await using var server = await SupervisedServer.StartAsync(
            _folder, Token, "--Trainer:Steps=3000", "--Trainer:StallLimit=00:00:08", "--Trainer:Attempts=1000");
        await server.LogEpisodesAsync(SupervisedServer.Episodes, Token);
        await CheckpointAsync(server);

        Assert.Equal(SupervisedServer.Nice, NiceOf(server.Trainer()));
        server.Trainer().Kill();
        await server.PrintedAsync("ended: Crashed", Token);
        await StartedAgainAsync(server, 2);
        Assert.Equal(0, Send(server.Trainer().Id, Stop));
        await server.PrintedAsync("ended: Hung", Token);
        await StartedAgainAsync(server, 3);
        Assert.Equal("student@1", await server.DistilledAsync(Token));

        Assert.DoesNotContain("run 2", server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trainer_that_needs_too_much_memory_every_time_is_given_up_and_serving_goes_on()
    {
        await using var server = await SupervisedServer.StartAsync(_folder, Token, "--Trainer:MemoryLimit=2000000", "--Trainer:Attempts=2");

        await server.LogEpisodesAsync(SupervisedServer.Episodes, Token);
        await server.PrintedAsync("Training run 1 is given up after 2 failures, the last one TooLarge", Token);

        Assert.Equal("student@1", await server.DistilledAsync(Token));
        var metrics = await server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Token);
        Assert.Contains("serving_trainer_restarts", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_a_trainer_says_so_once_and_serves()
    {
        await using var server = await SupervisedServer.StartAsync(_folder, Token, "--Trainer:Program=/nowhere/Serving.Trainer.dll");

        await server.LogEpisodesAsync(SupervisedServer.Episodes, Token);

        Assert.Equal("student@1", await server.DistilledAsync(Token));
        Assert.Single(server.Output.Split('\n'), line => line.Contains("there is no /nowhere/Serving.Trainer.dll", StringComparison.Ordinal));
        Assert.False(Directory.Exists(_folder.File("training")));
    }

    [Fact]
    public async Task A_second_server_over_the_same_runs_says_so_and_serves()
    {
        await using var first = await SupervisedServer.StartAsync(_folder, Token);
        await first.UntilAsync(() => Task.FromResult(File.Exists(_folder.File("training/supervisor.lock"))), Token);

        await using var second = await SupervisedServer.StartAsync(_folder, Token, "--Episodes:Root=" + _folder.File("others"));

        await second.PrintedAsync("supervisor.lock cannot be taken", Token);
        Assert.Equal("student@1", await second.DistilledAsync(Token));
    }

    [Fact]
    public async Task A_trainer_ends_with_a_server_that_is_killed_and_the_next_server_goes_on_with_its_run()
    {
        Process trainer;
        await using (var first = await SupervisedServer.StartAsync(_folder, Token, "--Trainer:Steps=300"))
        {
            await first.LogEpisodesAsync(SupervisedServer.Episodes, Token);
            await CheckpointAsync(first);
            trainer = first.Trainer();
            await first.KillAsync();
        }

        await trainer.WaitForExitAsync(Token);
        trainer.Dispose();

        await using var second = await SupervisedServer.StartAsync(_folder, Token, "--Trainer:Steps=300");
        await second.PrintedAsync("Training run 1 goes on: student@1 from anchor@1", Token);
        await ServedAsync(second, "student@2");

        await second.PrintedAsync("Training run 1 has ended", Token);
        Assert.Equal(2, new ModelStore(_folder.File("models"), TimeProvider.System).Versions("student").Count);
    }

    private static Task ServedAsync(SupervisedServer server, string version) =>
        server.UntilAsync(async () => await server.DistilledAsync(Token) == version, Token);

    private Task CheckpointAsync(SupervisedServer server) =>
        server.UntilAsync(() => Task.FromResult(Directory.Exists(_folder.File("training/run-00001/checkpoint"))), Token);

    private static Task StartedAgainAsync(SupervisedServer server, int trainers) =>
        server.UntilAsync(() => Task.FromResult(server.Output.Split("works in process").Length > trainers), Token);

    /// <summary>Of the main thread: field 19 of its state.</summary>
    private static int NiceOf(Process process) =>
        int.Parse(File.ReadAllText($"/proc/{process.Id}/stat").Split(") ")[1].Split(' ')[16], System.Globalization.CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Send(int process, int signal);
}
