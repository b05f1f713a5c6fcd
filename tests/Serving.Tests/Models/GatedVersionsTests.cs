using Microsoft.Extensions.Options;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

/// <summary>How the watcher follows decisions: the roles that versions get.</summary>
public sealed class GatedVersionsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LogLines<ModelWatcher> _log = new();
    private readonly ModelStore _store;
    private readonly DecisionLog _decisions;
    private readonly ModelOptions _options = new() { Gated = true };
    private readonly ModelWatcher _watcher;
    private readonly WatchedFolder _held = new();

    public GatedVersionsTests()
    {
        _store = new ModelStore(_folder.Path, TimeProvider.System);
        _decisions = new DecisionLog(_store, TimeProvider.System);
        _watcher = new ModelWatcher(_store, _decisions, Options.Create(_options), TimeProvider.System, _log);
        _held.Load = folder => File.ReadAllText(folder.File("w")) == "bad" ? throw new ModelException($"{folder.Id} is bad.") : SwapResult.Loaded;
    }

    public void Dispose()
    {
        _watcher.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Without_a_decision_the_oldest_version_that_works_is_current_and_the_newest_a_candidate()
    {
        Publish("bad");
        Publish("two");
        Publish("three");
        Publish("four");
        Publish("bad");

        Watch();
        Look();

        Assert.Equal(("student@2", "student@4", null), Held);
        Assert.Contains("Information 1005: Model student@4 is a candidate now, compared with student@2.", _log.Lines);
    }

    [Fact]
    public void A_promotion_is_followed_at_once_and_keeps_the_version_before_for_a_roll_back_that_is_as_quick()
    {
        PublishAndLook(2);

        Decide(DecisionKind.Promote, 2, from: 1);
        _watcher.LookNow("student");
        Assert.Equal(("student@2", null, "student@1"), Held);
        Assert.Equal(2, _watcher.Deployment("student").Promoted);

        Decide(DecisionKind.RollBack, 2, from: 2);
        _watcher.LookNow("student");
        Assert.Equal(("student@1", null, null), Held);
    }

    [Fact]
    public void Another_processs_decision_is_followed_at_the_next_look()
    {
        PublishAndLook(2);
        new DecisionLog(new ModelStore(_folder.Path, TimeProvider.System), TimeProvider.System)
            .Append("student", new Decision(DecisionKind.Promote, 2, "another", "far away") { From = 1 });

        Look();

        Assert.Equal(("student@2", null, "student@1"), Held);
        Assert.Contains("Information 1007: Decision 1 about student: promote 2, by another: far away", _log.Lines);
    }

    [Fact]
    public void A_held_candidate_leaves_and_an_older_one_that_nobody_has_judged_takes_its_place()
    {
        PublishAndLook(3);
        Assert.Equal(("student@1", "student@3", null), Held);

        Decide(DecisionKind.Hold, 3);
        _watcher.LookNow("student");
        Assert.Equal(("student@1", null, null), Held);
        Look();

        Assert.Equal(("student@1", "student@2", null), Held);
    }

    [Fact]
    public void A_newer_version_takes_the_candidates_place()
    {
        PublishAndLook(2);

        Publish("three");
        Look();

        Assert.Equal(("student@1", "student@3", null), Held);
    }

    [Fact]
    public void A_pin_brings_back_an_old_version_and_ends_the_comparison_until_it_is_taken_off()
    {
        PublishAndLook(3);
        Decide(DecisionKind.Promote, 3, from: 1);
        Look();
        Publish("four");
        Decide(DecisionKind.Pin, 2);

        Look();
        Assert.Equal(("student@2", null, "student@1"), Held);

        Decide(DecisionKind.Unpin, 2);
        Look();
        Assert.Equal(("student@3", "student@4", "student@1"), Held);
    }

    [Fact]
    public void A_restart_begins_with_what_was_decided_last()
    {
        PublishAndLook(3);
        Decide(DecisionKind.Promote, 2, from: 1);
        var later = new WatchedFolder();
        using var watcher = new ModelWatcher(_store, _decisions, Options.Create(_options), TimeProvider.System, _log);
        watcher.Watch("student", later.Holder);

        watcher.Look(TestContext.Current.CancellationToken);

        Assert.Equal(("student@2", "student@3"), (later.Current?.Id, later.Candidate?.Id));
    }

    [Theory]
    [InlineData(true, "student@1")]
    [InlineData(false, "student@2")]
    public void A_restart_after_every_version_was_put_aside_still_serves_one_of_them(bool gated, string served)
    {
        _options.Gated = gated;
        Publish("one");
        Publish("two");
        Publish("three");
        Decide(DecisionKind.Retire, 3);
        Decide(DecisionKind.RollBack, 1, from: 1);
        Decide(DecisionKind.Hold, 2);

        Watch();
        Look();

        Assert.Equal((served, null, null), Held);
    }

    [Fact]
    public void A_decision_for_a_version_that_does_not_work_changes_nothing_and_is_told_once()
    {
        Publish("one");
        Publish("bad");
        Watch();
        Look();
        Decide(DecisionKind.Pin, 7);
        var before = _log.Lines.Count;

        Look();
        Look();

        Assert.Equal(("student@1", null, null), Held);
        Assert.Contains(Path.Combine("student", "7"), Assert.Single(_log.Lines.Skip(before), line => line.StartsWith("Error", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_restart_onto_a_version_that_does_not_work_serves_the_next_best()
    {
        Publish("one");
        Publish("bad");
        Publish("three");
        Decide(DecisionKind.Promote, 3, from: 1);
        Decide(DecisionKind.Pin, 2);
        Watch();

        Look();
        Look();

        Assert.Equal(("student@3", null, null), Held);
        Assert.Single(_log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public void A_damaged_decision_is_told_once_and_the_others_are_followed()
    {
        PublishAndLook(2);
        Decide(DecisionKind.Promote, 2, from: 1);
        File.WriteAllText(_folder.File("student/decisions/2.json"), "{");

        Look();
        Look();

        Assert.Equal("student@2", _held.Current!.Id);
        Assert.Contains("2.json", Assert.Single(_log.Lines, line => line.StartsWith("Error 1006", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_no_gate_is_the_newest_is_current_unless_it_is_pinned_or_rolled_back()
    {
        _options.Gated = false;
        PublishAndLook(3);
        Assert.Equal(("student@3", null, null), Held);

        Decide(DecisionKind.RollBack, 3);
        Look();
        Assert.Equal(("student@2", null, null), Held);

        Decide(DecisionKind.Pin, 1);
        Publish("four");
        Look();
        Assert.Equal(("student@1", null, null), Held);

        Decide(DecisionKind.Unpin, 1);
        Look();
        Assert.Equal(("student@4", null, null), Held);
    }

    [Fact]
    public void Where_no_gate_is_a_version_in_use_stays_when_its_folder_is_deleted()
    {
        _options.Gated = false;
        PublishAndLook(2);

        Directory.Delete(_folder.File("student/2"), recursive: true);
        Look();

        Assert.Equal(("student@2", null, null), Held);
    }

    private (string? Current, string? Candidate, string? Kept) Held => (_held.Current?.Id, _held.Candidate?.Id, _held.Kept?.Id);

    private void PublishAndLook(int versions)
    {
        for (var version = 1; version <= versions; version++)
        {
            Publish($"{version}");
        }

        Watch();
        Look();
    }

    private void Publish(string content) => _store.Publish("student", ModelKind.Policy, staging => File.WriteAllText(Path.Combine(staging, "w"), content));

    private void Decide(DecisionKind kind, int version, int? from = null) =>
        _decisions.Append("student", new Decision(kind, version, "test", "because") { From = from });

    private void Watch() => _watcher.Watch("student", _held.Holder);

    private void Look() => _watcher.Look(TestContext.Current.CancellationToken);
}
