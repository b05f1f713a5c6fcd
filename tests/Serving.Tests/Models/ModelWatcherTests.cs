using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelWatcherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LogLines<ModelWatcher> _log = new();
    private readonly ModelStore _store;
    private readonly ModelWatcher _watcher;
    private readonly WatchedFolder _held = new();

    public ModelWatcherTests()
    {
        _store = new ModelStore(_folder.Path, TimeProvider.System);
        _watcher = new ModelWatcher(
            _store, new DecisionLog(_store, TimeProvider.System), Options.Create(new ModelOptions { PollInterval = TimeSpan.FromMilliseconds(50) }), TimeProvider.System, _log);
    }

    public void Dispose()
    {
        _watcher.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_first_look_takes_the_newest_version()
    {
        Publish("one");
        Publish("two");
        Watch();

        Look();

        Assert.Equal("anchor@2", _held.Current!.Id);
        Assert.Equal(["anchor@2"], _held.Tried);
        Assert.Equal([$"Information 1001: Model anchor@2 is current now ({_held.Current!.Manifest.Digest})."], _log.Lines);
    }

    [Fact]
    public void A_newer_version_is_swapped_in_and_nothing_happens_without_one()
    {
        _held.Begin(Publish("one"));
        Watch();
        Look();
        Assert.Empty(_held.Tried);

        Publish("two");
        Look();
        Look();

        Assert.Equal(["anchor@2"], _held.Tried);
        Assert.Equal("anchor@2", _held.Current!.Id);
    }

    [Fact]
    public void A_version_without_its_manifest_is_waited_for_in_silence()
    {
        _held.Begin(Publish("one"));
        Directory.CreateDirectory(_folder.File("anchor/2"));
        Watch();

        Look();

        Assert.Equal("anchor@1", _held.Current!.Id);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public void A_damaged_version_changes_nothing_is_reported_once_and_taken_when_repaired()
    {
        _held.Begin(Publish("one"));
        var next = Publish("two");
        File.WriteAllText(next.File("w"), "dam");
        Watch();

        Look();
        Look();

        Assert.Equal("anchor@1", _held.Current!.Id);
        Assert.Empty(_held.Tried);
        var line = Assert.Single(_log.Lines);
        Assert.StartsWith("Error 1002: Refused the model version in", line, StringComparison.Ordinal);
        Assert.Contains("its sha256 is", line, StringComparison.Ordinal);
        Assert.Contains("its sha256 is", Assert.Single(_watcher.Rejected("anchor")).Reason, StringComparison.Ordinal);

        File.WriteAllText(next.File("w"), "two");
        File.SetLastWriteTimeUtc(next.File("w"), new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Look();
        Look();

        Assert.Equal("anchor@2", _held.Current!.Id);
        Assert.Empty(_watcher.Rejected("anchor"));
        Assert.Equal(2, _log.Lines.Count);
    }

    [Fact]
    public void A_damaged_manifest_is_reported_once_and_forgotten_when_its_folder_goes()
    {
        _held.Begin(Publish("one"));
        Directory.CreateDirectory(_folder.File("anchor/2"));
        File.WriteAllText(_folder.File("anchor/2/manifest.json"), "{");
        Watch();

        Look();
        Look();

        Assert.Contains("not valid JSON", Assert.Single(_log.Lines), StringComparison.Ordinal);
        Assert.Single(_watcher.Rejected("anchor"));
        Directory.Delete(_folder.File("anchor/2"), recursive: true);
        Look();
        Assert.Empty(_watcher.Rejected("anchor"));
    }

    [Fact]
    public void A_version_that_does_not_load_is_tried_once_and_a_better_one_still_gets_in()
    {
        _held.Begin(Publish("one"));
        Publish("bad");
        Watch(refuse: "bad");
        Look();
        Look();
        Assert.Equal(["anchor@2"], _held.Tried);
        Assert.Equal("anchor@1", _held.Current!.Id);
        Assert.Contains("anchor@2 does not load.", Assert.Single(_log.Lines), StringComparison.Ordinal);

        Publish("three");
        Look();

        Assert.Equal(["anchor@2", "anchor@3"], _held.Tried);
        Assert.Equal("anchor@3", _held.Current!.Id);
    }

    [Fact]
    public void When_the_newest_is_bad_the_next_newest_is_taken()
    {
        Publish("one");
        Publish("two");
        Publish("bad");
        Watch(refuse: "bad");

        Look();
        Look();

        Assert.Equal(["anchor@3", "anchor@2"], _held.Tried);
        Assert.Equal("anchor@2", _held.Current!.Id);
        Assert.Single(_watcher.Rejected("anchor"));
    }

    [Fact]
    public void A_version_that_is_put_off_is_offered_again_and_reported_once()
    {
        _held.Begin(Publish("one"));
        Publish("two");
        var room = false;
        _watcher.Watch("anchor", _held.Holder);
        _held.Load = next =>
        {
            _held.Tried.Add(next.Id);
            return room ? SwapResult.Loaded : SwapResult.Deferred;
        };

        Look();
        Look();
        Assert.Equal("Information 1003: Model anchor@2 waits: too many older versions are still in use.", Assert.Single(_log.Lines));
        room = true;
        Look();

        Assert.Equal("anchor@2", _held.Current!.Id);
        Assert.Equal(3, _held.Tried.Count);
    }

    [Fact]
    public void One_name_that_fails_does_not_hold_up_another()
    {
        _watcher.Watch("broken", _held.Holder with { Held = () => throw new IOException("the disk is gone") });
        Publish("one");
        Watch();

        Look();
        Look();

        Assert.Equal("anchor@1", _held.Current!.Id);
        Assert.Equal("Error 1004: Cannot look for new versions of broken: the disk is gone", _log.Lines[0]);
        Assert.Equal(2, _log.Lines.Count);
    }

    [Fact]
    public async Task In_the_background_it_looks_at_once_and_then_again_and_again_whatever_a_handler_throws()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var tried = new System.Collections.Concurrent.BlockingCollection<string>();
        await _watcher.StartAsync(cancellationToken);
        Publish("one");
        _held.Load = next =>
        {
            tried.Add(next.Id, cancellationToken);
            return File.ReadAllText(next.File("w")) == "bad" ? throw new NotSupportedException("unforeseen") : SwapResult.Loaded;
        };
        _watcher.Watch("anchor", _held.Holder);

        Assert.Equal("anchor@1", tried.Take(cancellationToken));
        Publish("bad");
        Assert.Equal("anchor@2", tried.Take(cancellationToken));
        Publish("three");
        Assert.Equal("anchor@3", tried.Take(cancellationToken));

        await _watcher.StopAsync(cancellationToken);
        Assert.True(_watcher.ExecuteTask!.IsCompleted);
        Assert.False(_watcher.ExecuteTask.IsFaulted);
    }

    [Fact]
    public async Task A_name_added_later_does_not_wait_for_the_next_tick()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        using var watcher = new ModelWatcher(
            _store, new DecisionLog(_store, TimeProvider.System), Options.Create(new ModelOptions { PollInterval = TimeSpan.FromHours(1) }), TimeProvider.System, _log);
        await watcher.StartAsync(cancellationToken);
        Publish("one");
        var seen = new TaskCompletionSource<string>();
        watcher.Watch("nothing", new WatchedFolder().Holder);

        _held.Load = next =>
        {
            seen.TrySetResult(next.Id);
            return SwapResult.Deferred;
        };
        watcher.Watch("anchor", _held.Holder);

        Assert.Equal("anchor@1", await seen.Task.WaitAsync(cancellationToken));
        await watcher.StopAsync(cancellationToken);
    }

    private ModelFolder Publish(string content) =>
        _store.Publish("anchor", ModelKind.Policy, staging => File.WriteAllText(Path.Combine(staging, "w"), content));

    private void Watch(string? refuse = null)
    {
        _held.Load = next =>
        {
            _held.Tried.Add(next.Id);
            return File.ReadAllText(next.File("w")) == refuse ? throw new ModelException($"{next.Id} does not load.") : SwapResult.Loaded;
        };
        _watcher.Watch("anchor", _held.Holder);
    }

    private void Look() => _watcher.Look(TestContext.Current.CancellationToken);
}
