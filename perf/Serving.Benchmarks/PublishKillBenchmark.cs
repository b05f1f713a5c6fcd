using System.CommandLine;
using System.Diagnostics;
using Serving.Models;
using Serving.Testing;

namespace Serving.Benchmarks;

/// <summary>
/// Verb "publish-kill": a process that publishes versions without a pause, as the trainer does (ModelStore.Publish), is killed by SIGKILL at random moments
/// while readers list and verify the registry. No reader may ever see a part of a version.
/// </summary>
internal static class PublishKillBenchmark
{
    private const string Name = "student";

    public static int Run(string[] args)
    {
        var kills = new Option<int>("--kills") { DefaultValueFactory = _ => 100 };
        var source = new Option<string>("--source") { Description = "Folder of a version to publish.", DefaultValueFactory = _ => "models/student/1" };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var child = new Option<string?>("--child") { Description = "Registry: be the publisher.", Hidden = true };
        var command = new RootCommand("SIGKILL of a publisher.") { kills, source, seed, child };
        command.SetAction((parsed, cancellationToken) => parsed.GetValue(child) is { } root
            ? Publish(root, Path.GetFullPath(parsed.GetValue(source)!))
            : RunAsync(parsed.GetValue(kills), Path.GetFullPath(parsed.GetValue(source)!), new Random(parsed.GetValue(seed)), cancellationToken));
        return command.Parse(args).Invoke();
    }

    private static Task<int> Publish(string root, string source)
    {
        var pair = new VersionPair(source, new ModelStore(root, TimeProvider.System), Name);
        Console.WriteLine("publishing");
        while (true)
        {
            pair.Publish();
        }
    }

    private static async Task<int> RunAsync(int kills, string source, Random random, CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var store = new ModelStore(folder.Path, TimeProvider.System);
        var (whole, broken, staged, numbered) = (0, 0, 0, 0);
        var watch = Stopwatch.StartNew();
        for (var kill = 1; kill <= kills; kill++)
        {
            var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
            foreach (var argument in (string[])[typeof(PublishKillBenchmark).Assembly.Location, "publish-kill", "--child", folder.Path, "--source", source])
            {
                start.ArgumentList.Add(argument);
            }

            using var publisher = Process.Start(start)!;
            await publisher.StandardOutput.ReadLineAsync(cancellationToken);
            var end = watch.Elapsed + TimeSpan.FromMilliseconds(random.NextDouble() * 600);
            while (watch.Elapsed < end)
            {
                Look(newest: 1);
            }

            publisher.Kill();
            await publisher.WaitForExitAsync(cancellationToken);
            Look(newest: int.MaxValue);
            var home = new DirectoryInfo(folder.File(Name));
            staged += home.Exists ? home.GetDirectories(".staging-*").Length : 0;
            numbered += store.Rejected(Name).Count;
            if (home.Exists)
            {
                home.Delete(recursive: true);
            }
        }

        Console.WriteLine("| kills | killed while staging | killed between number and manifest | whole versions seen | parts of versions seen |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        Console.WriteLine($"| {kills} | {staged} | {numbered} | {whole} | {broken} |");
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
