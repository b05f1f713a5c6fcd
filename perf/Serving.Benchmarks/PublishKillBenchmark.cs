using System.CommandLine;
using System.Diagnostics;
using Serving.Models;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "publish-kill": a process that publishes is killed by SIGKILL at random moments of its publications while readers list and verify the registry. No reader
/// may ever see a part of a version. The process is Serving.Trainer at the end of a run, or with --source one that copies a version without a pause.
/// </summary>
internal static class PublishKillBenchmark
{
    private const string Name = "distilled";

    /// <summary>Kills come a little after the longest publication, too: whole versions are to be met as well.</summary>
    private const double Beyond = 1.25;

    private static readonly TimeSpan _withoutPause = TimeSpan.FromMilliseconds(600);

    public static Task<int> Run(string[] args)
    {
        var kills = new Option<int>("--kills") { DefaultValueFactory = _ => 100 };
        var models = new Option<string>("--models") { Description = "Registry with what the trainer needs.", DefaultValueFactory = _ => "models" };
        var source = new Option<string?>("--source") { Description = "Folder of a version: kill a process that publishes copies of it without a pause instead of the trainer." };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var child = new Option<string?>("--child") { Description = "Registry: be the publisher.", Hidden = true };
        var command = new RootCommand("SIGKILL of a publisher.") { kills, models, source, seed, child };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var version = parsed.GetValue(source) is { } path ? Path.GetFullPath(path) : null;
            if (parsed.GetValue(child) is { } root)
            {
                return Publish(root, version!);
            }

            using var folder = new TemporaryFolder();
            if (version is not null)
            {
                return await KillAsync(folder, () => Copier(folder, version), _withoutPause, parsed.GetValue(kills), new Random(parsed.GetValue(seed)), cancellationToken);
            }

            var trainer = await KilledTrainer.TrainAsync(folder, Path.GetFullPath(parsed.GetRequiredValue(models)), Name, cancellationToken);
            Console.WriteLine($"longest of three undisturbed publications: {trainer.Publication.TotalMilliseconds:f0} ms");
            return await KillAsync(folder, trainer.Start, trainer.Publication * Beyond, parsed.GetValue(kills), new Random(parsed.GetValue(seed)), cancellationToken);
        });
        return command.Parse(args).InvokeAsync();
    }

    /// <summary>Returns when a process has begun to write a version into the folder of a name.</summary>
    public static async Task StagesAsync(Process publisher, string home, CancellationToken cancellationToken)
    {
        while (!Directory.Exists(home) || Directory.GetDirectories(home, ".staging-*").Length == 0)
        {
            if (publisher.HasExited)
            {
                throw new InvalidOperationException($"The publisher ended with {publisher.ExitCode} before it published: {await publisher.StandardOutput.ReadToEndAsync(cancellationToken)}");
            }

            await Task.Yield();
        }
    }

    private static int Publish(string root, string source)
    {
        var pair = new VersionPair(source, new ModelStore(root, TimeProvider.System), Name);
        while (true)
        {
            pair.Publish();
        }
    }

    private static Process Copier(TemporaryFolder folder, string source)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in (string[])[typeof(PublishKillBenchmark).Assembly.Location, "publish-kill", "--child", folder.File("models"), "--source", source])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private static async Task<int> KillAsync(
        TemporaryFolder folder, Func<Process> start, TimeSpan window, int kills, Random random, CancellationToken cancellationToken)
    {
        var store = new ModelStore(folder.File("models"), TimeProvider.System);
        var home = new DirectoryInfo(folder.File($"models/{Name}"));
        var (whole, broken, staged, numbered, committed) = (0, 0, 0, 0, 0);
        for (var kill = 1; kill <= kills; kill++)
        {
            using var publisher = start();
            await StagesAsync(publisher, home.FullName, cancellationToken);
            var (moment, watch) = (random.NextDouble() * window, Stopwatch.StartNew());
            while (watch.Elapsed < moment)
            {
                Look(newest: 1);
            }

            publisher.Kill();
            await publisher.WaitForExitAsync(cancellationToken);
            Look(newest: int.MaxValue);
            staged += home.GetDirectories(".staging-*").Length;
            numbered += store.Rejected(Name).Count;
            committed += store.Versions(Name).Count > 0 ? 1 : 0;
            home.Delete(recursive: true);
        }

        Console.WriteLine("| kills | while staging | between number and manifest | with a version committed | whole versions seen | parts of versions seen |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        Console.WriteLine($"| {kills} | {staged} | {numbered} | {committed} | {whole} | {broken} |");
        return broken == 0 ? 0 : 1;

        void Look(int newest)
        {
            foreach (var version in store.Versions(Name).Reverse().Take(newest))
            {
                try
                {
                    ModelStore.Verify(version);
                    whole++;
                }
                catch (ModelException e)
                {
                    broken++;
                    Console.WriteLine(e.Message);
                }
            }
        }
    }
}
