using System.CommandLine;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

/// <summary>A log of episodes on disk and the verbs run over it, their output caught.</summary>
internal sealed class ToolFolder : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public string Root => _temporary.Path;

    public string Dataset => Path.Combine(Root, "serving_episodes", "1.1.0");

    public string Info => Path.Combine(Dataset, "dataset_info.json");

    public string Features => Path.Combine(Dataset, "features.json");

    public string Shard(int number) => Path.Combine(Dataset, $"serving_episodes-train.tfrecord-{number:D5}");

    /// <summary>A closed log of these episodes; small shards when asked for.</summary>
    public static async Task<ToolFolder> WithEpisodes(IEnumerable<Episode> episodes, long shardBytes = 1 << 28)
    {
        var folder = new ToolFolder();
        await using var log = new EpisodeLog(new EpisodeOptions { Root = folder.Root, ShardBytes = shardBytes });
        foreach (var episode in episodes)
        {
            await log.AppendAsync(episode, TestContext.Current.CancellationToken);
        }

        return folder;
    }

    public static Task<ToolFolder> WithSmall(params string[] ids) => WithEpisodes(ids.Select(EpisodeSamples.Small));

    /// <summary>Where frame number <paramref name="record"/> of a shard begins.</summary>
    public static int FrameStart(byte[] shard, int record)
    {
        var at = 0;
        for (var i = 0; i < record; i++)
        {
            at += (int)BitConverter.ToUInt64(shard, at) + TfRecord.FramingBytes;
        }

        return at;
    }

    /// <summary>Changes the bytes of a file.</summary>
    public static void Harm(string path, Func<byte[], byte[]> harm) => File.WriteAllBytes(path, harm(File.ReadAllBytes(path)));

    public string Place(string name) => _temporary.File(name);

    public VerifyReport Verify() => new DatasetVerifier(RldsFolder.Open(Root)).Run();

    /// <summary>Runs "episodes" with these arguments as the program does.</summary>
    public static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var caughtOutput = new StringWriter();
        using var caughtError = new StringWriter();
        try
        {
            Console.SetOut(caughtOutput);
            Console.SetError(caughtError);
            var code = new RootCommand { EpisodesCommand.Create() }.Parse(["episodes", .. arguments]).Invoke();
            return (code, caughtOutput.ToString(), caughtError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    public void Dispose() => _temporary.Dispose();
}
