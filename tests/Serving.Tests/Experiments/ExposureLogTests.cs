using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Tests.Experiments;

public sealed class ExposureLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task What_was_added_is_read_again()
    {
        var exposures = Enumerable.Range(0, 1000).Select(Exposure).ToArray();
        await WithLogAsync(log =>
        {
            foreach (var exposure in exposures)
            {
                log.Add(exposure);
            }
        });

        Assert.Equal(exposures, ExposureLog.Read(_folder.Path));
    }

    [Fact]
    public async Task A_new_process_knows_the_answers_of_the_old_one()
    {
        await WithLogAsync(log => log.Add(Exposure(7)));

        await WithLogAsync(log =>
        {
            Assert.True(log.Knows("chatcmpl-7"));
            Assert.False(log.Knows("chatcmpl-8"));
        });
    }

    [Fact]
    public async Task A_line_that_a_killed_process_has_left_is_cut_and_the_next_one_is_whole()
    {
        await WithLogAsync(log => log.Add(Exposure(1)));
        File.AppendAllText(File1, "{\"id\":\"chatcmpl-2\",\"ti");

        await WithLogAsync(log => log.Add(Exposure(3)));

        Assert.Equal([Exposure(1), Exposure(3)], ExposureLog.Read(_folder.Path));
    }

    [Fact]
    public async Task A_damaged_line_is_named_and_does_not_stop_the_server()
    {
        await WithLogAsync(log => log.Add(Exposure(1)));
        File.AppendAllText(File1, "nonsense\n");
        await WithLogAsync(log => log.Add(Exposure(3)));

        var error = Assert.Throws<InvalidDataException>(() => ExposureLog.Read(_folder.Path).ToArray());

        Assert.Contains("exposures.jsonl, line 2", error.Message);
    }

    [Fact]
    public async Task A_disk_that_refuses_is_told_once_and_what_waits_is_written_later()
    {
        var (time, lines) = (new ManualTime(), new CapturedLog());
        var root = _folder.File("root");
        File.WriteAllText(root, "a file in the folder's place");
        using var log = new ExposureLog(
            Options.Create(new ExperimentOptions { Root = root }), time, new LoggerFactory([lines]).CreateLogger<ExposureLog>());
        await log.StartAsync(TestContext.Current.CancellationToken);
        log.Add(Exposure(1));
        while (lines.Lines.Count == 0)
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        log.Add(Exposure(2));
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.Single(lines.Lines);

        File.Delete(root);
        while (ExposureLog.Read(root).Count() < 2)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        Assert.Equal([Exposure(1), Exposure(2)], ExposureLog.Read(root));
        await log.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Nothing_to_tell_leaves_no_file()
    {
        await WithLogAsync(_ => { });

        Assert.False(File.Exists(File1));
    }

    public void Dispose() => _folder.Dispose();

    private string File1 => _folder.File("exposures.jsonl");

    private static Exposure Exposure(int i) => new(
        $"chatcmpl-{i}", DateTimeOffset.UnixEpoch.AddSeconds(i), Assignment.Of($"{i}", "student@2", 0.5), i % 2 == 0 ? "anchor@1" : "student@2", 1.5 + i, i);

    private async Task WithLogAsync(Action<ExposureLog> use)
    {
        using var log = new ExposureLog(Options.Create(new ExperimentOptions { Root = _folder.Path }), TimeProvider.System, NullLogger<ExposureLog>.Instance);
        await log.StartAsync(TestContext.Current.CancellationToken);
        use(log);
        await log.StopAsync(CancellationToken.None);
    }
}
