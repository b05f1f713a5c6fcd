using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class DecisionLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;
    private readonly DecisionLog _log;

    public DecisionLogTests()
    {
        _store = new ModelStore(_folder.Path, TimeProvider.System);
        _log = new DecisionLog(_store, TimeProvider.System);
        _store.Publish("student", ModelKind.Policy, staging => File.WriteAllText(Path.Combine(staging, "w"), "one"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_appended_is_read_back_in_order_with_all_that_it_says()
    {
        Assert.Empty(_log.Read("student").Decisions);
        var inputs = new JsonObject { ["n"] = 412, ["lower"] = -0.0125 };
        var first = _log.Append("student", new Decision(DecisionKind.Promote, 2, "gate", "L >= -margin") { From = 1, Inputs = inputs });
        var second = _log.Append("student", new Decision(DecisionKind.RollBack, 2, "operator", "looks \"odd\""));

        var history = _log.Read("student");

        Assert.Equal([1, 2], history.Decisions.Select(decision => decision.Number));
        Assert.Equal(first with { Inputs = null, Time = default }, history.Decisions[0] with { Inputs = null, Time = default });
        Assert.Equal(second with { Time = default }, history.Decisions[1] with { Time = default });
        Assert.Equal(inputs.ToJsonString(), history.Decisions[0].Inputs!.ToJsonString());
        Assert.Equal(first.Time, history.Decisions[0].Time, TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, history.Deployment.Current);
        Assert.Empty(history.Rejected);
        Assert.Equal(["1.json", "2.json"], Directory.GetFileSystemEntries(_folder.File("student/decisions")).Select(Path.GetFileName).Order());
        Assert.Equal(["student@1"], _store.Versions("student").Select(version => version.Id));
        Assert.Empty(_store.Rejected("student"));
    }

    [Fact]
    public async Task Appends_of_many_threads_get_each_number_once_and_none_is_lost()
    {
        const int Threads = 4;
        const int Each = 10;
        await Task.WhenAll(Enumerable.Range(1, Threads).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < Each; i++)
            {
                _log.Append("student", new Decision(DecisionKind.Hold, (thread * 1000) + i, $"thread {thread}", "racing"));
            }
        })));

        var decisions = _log.Read("student").Decisions;

        Assert.Equal(Enumerable.Range(1, Threads * Each), decisions.Select(decision => decision.Number));
        Assert.Equal(Threads * Each, decisions.Select(decision => decision.Version).Distinct().Count());
    }

    [Fact]
    public void A_decision_that_follows_from_others_is_made_anew_when_somebody_was_faster()
    {
        var asked = 0;

        var decision = _log.Append("student", history =>
        {
            if (++asked == 1)
            {
                _log.Append("student", new Decision(DecisionKind.Pin, 1, "somebody", "faster"));
            }

            return new Decision(DecisionKind.Unpin, history.Deployment.Pinned ?? 9, "operator", "no pin");
        });

        Assert.Equal(2, asked);
        Assert.Equal((2, 1), (decision.Number, decision.Version));
    }

    [Theory]
    [InlineData("7.json", "{", "not valid JSON")]
    [InlineData("7.json", "[]", "expected a JSON object")]
    [InlineData("7.json", """{"number":6,"time":"2026-01-01T00:00:00Z","kind":"pin","version":"1","by":"x","reason":"y"}""", "number is 6, but the file's name says 7")]
    [InlineData("7.json", """{"number":7,"time":"2026-01-01T00:00:00Z","kind":"dance","version":"1","by":"x","reason":"y"}""", "kind is \"dance\"; this program knows hold, pin, promote")]
    [InlineData("7.json", """{"number":7,"time":"2026-01-01T00:00:00Z","kind":"pin","version":"01","by":"x","reason":"y"}""", "version \"01\" is not a whole number from 1")]
    [InlineData("7.json", """{"number":7,"time":"soon","kind":"pin","version":"1","by":"x","reason":"y"}""", "time is \"soon\"")]
    [InlineData("7.json", """{"number":7,"time":"2026-01-01T00:00:00Z","kind":"pin","version":"1","by":"x"}""", "reason is missing")]
    [InlineData("7.json", """{"number":7,"time":"2026-01-01T00:00:00Z","kind":"pin","version":"1","by":"x","reason":"y","inputs":3}""", "inputs must be an object")]
    [InlineData("notes.txt", "hello", "not a decision")]
    [InlineData("07.json", "{}", "not a decision")]
    public void A_damaged_or_foreign_file_is_named_and_ignored(string name, string content, string reason)
    {
        _log.Append("student", new Decision(DecisionKind.Promote, 2, "gate", "good") { From = 1 });
        File.WriteAllText(_folder.File($"student/decisions/{name}"), content);

        var history = _log.Read("student");

        var rejected = Assert.Single(history.Rejected);
        Assert.EndsWith(name, rejected.Path, StringComparison.Ordinal);
        Assert.Contains(reason, rejected.Reason, StringComparison.Ordinal);
        Assert.Equal(2, history.Deployment.Current);
        var next = _log.Append("student", new Decision(DecisionKind.RollBack, 2, "operator", "bad"));
        Assert.Equal(name == "7.json" ? 8 : 2, next.Number);
        Assert.Equal(1, _log.Read("student").Deployment.Current);
    }

    [Fact]
    public void What_a_killed_process_left_behind_is_no_decision_and_is_removed_after_a_day()
    {
        _log.Append("student", new Decision(DecisionKind.Pin, 1, "operator", "first"));
        var young = _folder.File("student/decisions/.unfinished-young");
        var old = _folder.File("student/decisions/.unfinished-old");
        File.WriteAllText(young, "{");
        File.WriteAllText(old, "{");
        File.SetLastWriteTimeUtc(old, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Assert.Empty(_log.Read("student").Rejected);

        _log.Append("student", new Decision(DecisionKind.Unpin, 1, "operator", "second"));

        Assert.True(File.Exists(young));
        Assert.False(File.Exists(old));
        Assert.Equal(2, _log.Read("student").Decisions.Count);
    }

    [Fact]
    public void Nonsense_is_refused_and_leaves_nothing_behind()
    {
        var unknown = Assert.Throws<ModelException>(() => _log.Append("nobody", new Decision(DecisionKind.Pin, 1, "operator", "why")));
        Assert.Contains("holds no committed version of \"nobody\"; it holds student", unknown.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("nobody")));
        Assert.Throws<ModelException>(() => _log.Append("../student", new Decision(DecisionKind.Pin, 1, "operator", "why")));
        Assert.Throws<ModelException>(() => _log.Read("../student"));
        Assert.Throws<ModelException>(() => _log.Append("student", new Decision(DecisionKind.Pin, 0, "operator", "why")));
        Assert.Throws<ModelException>(() => _log.Append("student", new Decision(DecisionKind.Pin, 1, "operator", "")));
        Assert.Throws<ModelException>(() => _log.Append("student", _ => throw new ModelException("no")));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("student/decisions")));
    }
}
