using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly ModelStore _store;

    public ModelStoreTests() => _store = new ModelStore(_folder.Path, _time);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_published_version_is_found_and_whole()
    {
        var published = _store.Publish(
            "anchor",
            ModelKind.Policy,
            Files(("config.json", "{}"), ("model.safetensors", "weights"), ("README.md", "# card")),
            parent: "base@7",
            training: new JsonObject { ["steps"] = 10 },
            figures: new JsonObject { ["loss"] = 1.5 });

        var found = _store.Find("anchor@1");
        Assert.Equal("anchor@1", published.Id);
        Assert.Equal(_folder.File("anchor/1"), found.Path);
        Assert.Equal(published.Manifest.Digest, found.Manifest.Digest);
        Assert.Equal(["config.json", "model.safetensors"], found.Manifest.Files.Keys.Order());
        Assert.Equal(_time.GetUtcNow(), found.Manifest.Created);
        Assert.Equal("base@7", found.Manifest.Parent);
        Assert.Equal(10, (int?)found.Manifest.Training!["steps"]);
        Assert.Equal("weights", File.ReadAllText(found.File("model.safetensors")));
        Assert.Equal("# card", File.ReadAllText(found.File("README.md")));
        ModelStore.Verify(found);
        Assert.Equal(["1"], Entries("anchor"));
    }

    [Fact]
    public void Versions_count_up_and_the_newest_is_the_largest_number()
    {
        for (var i = 1; i <= 11; i++)
        {
            _store.Publish("anchor", ModelKind.Policy, Files(("w", $"{i}")));
        }

        _store.Publish("reward", ModelKind.Scorer, Files(("w", "r")));

        Assert.Equal(["anchor", "reward"], _store.Names());
        Assert.Equal(Enumerable.Range(1, 11).Select(i => $"{i}"), _store.Versions("anchor").Select(version => version.Manifest.Version));
        Assert.Equal("anchor@11", _store.Latest("anchor")!.Id);
        Assert.Equal("anchor@11", _store.Find("anchor").Id);
        Assert.Equal("anchor@9", _store.Find("anchor@9").Id);
        Assert.Equal(ModelKind.Scorer, _store.Latest("reward")!.Manifest.Kind);
    }

    [Fact]
    public void Names_and_versions_that_are_not_there_are_answered_with_those_that_are()
    {
        Assert.Null(_store.Latest("anchor"));
        Assert.Empty(_store.Versions("anchor"));
        Assert.Empty(new ModelStore(_folder.File("nowhere"), _time).Names());
        Assert.Contains("it holds no models at all.", Assert.Throws<ModelException>(() => _store.Find("anchor")).Message, StringComparison.Ordinal);

        _store.Publish("anchor", ModelKind.Policy, Files(("w", "1")));
        _store.Publish("anchor", ModelKind.Policy, Files(("w", "2")));

        Assert.Contains("no committed version of \"student\"; it holds anchor.", Assert.Throws<ModelException>(() => _store.Find("student")).Message, StringComparison.Ordinal);
        Assert.Contains("\"anchor\" has 1, 2.", Assert.Throws<ModelException>(() => _store.Find("anchor@3")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("../anchor")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData(".hidden")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("ä")]
    [InlineData("anchor\n")]
    [InlineData("anchor@")]
    [InlineData("anchor@x")]
    [InlineData("anchor@01")]
    [InlineData("anchor@+1")]
    [InlineData("anchor@1@2")]
    public void Ids_that_are_no_names_are_refused(string id)
    {
        Assert.Throws<ModelException>(() => _store.Find(id));
        Assert.Throws<ModelException>(() => _store.Publish(id, ModelKind.Policy, Files(("w", "1"))));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Publishing_under_a_version_is_refused() =>
        Assert.Throws<ModelException>(() => _store.Publish("anchor@1", ModelKind.Policy, Files(("w", "1"))));

    [Fact]
    public void Half_written_damaged_and_foreign_folders_are_skipped_and_reported()
    {
        var good = _store.Publish("anchor", ModelKind.Policy, Files(("w", "1")));
        Write("anchor/2/w", "no manifest");
        Write("anchor/3/manifest.json", File.ReadAllText(good.File("manifest.json"))[..40]);
        Write("anchor/4/manifest.json", File.ReadAllText(good.File("manifest.json")));
        Write("anchor/05/manifest.json", File.ReadAllText(good.File("manifest.json")));
        Write("anchor/latest/manifest.json", File.ReadAllText(good.File("manifest.json")));
        Write("anchor/notes.txt", "a file");
        Write("empty/1/w", "no manifest");

        Assert.Equal(["anchor@1"], _store.Versions("anchor").Select(version => version.Id));
        Assert.Equal("anchor@1", _store.Latest("anchor")!.Id);
        Assert.Equal(["anchor"], _store.Names());
        var rejected = _store.Rejected("anchor");
        Assert.Equal(["2", "3", "4"], rejected.Select(folder => Path.GetFileName(folder.Path)));
        Assert.Contains("never committed", rejected[0].Reason, StringComparison.Ordinal);
        Assert.Contains("not valid JSON", rejected[1].Reason, StringComparison.Ordinal);
        Assert.Contains("manifest is that of anchor@1", rejected[2].Reason, StringComparison.Ordinal);
        Assert.Contains("not valid JSON", Assert.Throws<ModelException>(() => _store.Find("anchor@3")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_version_takes_the_number_after_the_highest_folder_committed_or_not()
    {
        Write("anchor/7/w", "left by a crash");

        Assert.Equal("anchor@8", _store.Publish("anchor", ModelKind.Policy, Files(("w", "1"))).Id);
        Assert.Equal("left by a crash", File.ReadAllText(_folder.File("anchor/7/w")));
    }

    [Fact]
    public void When_writing_fails_nothing_is_left_and_the_failure_is_passed_on()
    {
        var e = Assert.Throws<InvalidDataException>(() => _store.Publish("anchor", ModelKind.Policy, staging =>
        {
            File.WriteAllText(Path.Combine(staging, "w"), "half");
            throw new InvalidDataException("out of weights");
        }));

        Assert.Equal("out of weights", e.Message);
        Assert.Empty(Entries("anchor"));
    }

    [Fact]
    public void Only_plain_files_can_be_published()
    {
        Assert.Throws<ManifestException>(() => _store.Publish("anchor", ModelKind.Policy, _ => { }));
        Assert.Throws<ManifestException>(() => _store.Publish("anchor", ModelKind.Policy, Files(("README.md", "only a card"))));
        Assert.Throws<ManifestException>(() => _store.Publish("anchor", ModelKind.Policy, Files(("w", "1"), ("manifest.json", "{}"))));
        Assert.Throws<ManifestException>(() => _store.Publish("anchor", ModelKind.Policy, staging => Directory.CreateDirectory(Path.Combine(staging, "sub"))));
        Assert.Throws<ManifestException>(() => _store.Publish(
            "anchor", ModelKind.Policy, staging => File.CreateSymbolicLink(Path.Combine(staging, "w"), _folder.File("elsewhere"))));
        Assert.Empty(Entries("anchor"));
    }

    [Fact]
    public void Publishers_that_race_get_different_numbers_and_their_own_content()
    {
        const int Publishers = 8;
        const int Each = 4;
        var ids = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        using var start = new Barrier(Publishers);
        var threads = Enumerable.Range(0, Publishers).Select(publisher => new Thread(() =>
        {
            var store = new ModelStore(_folder.Path, TimeProvider.System);
            for (var i = 0; i < Each; i++)
            {
                start.SignalAndWait();
                var content = $"{publisher}/{i}";
                ids[store.Publish("anchor", ModelKind.Policy, Files(("w", content))).Id] = content;
            }
        })).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        var versions = _store.Versions("anchor");
        Assert.Equal(Enumerable.Range(1, Publishers * Each).Select(i => $"anchor@{i}"), versions.Select(version => version.Id));
        foreach (var version in versions)
        {
            ModelStore.Verify(version);
            Assert.Equal(ids[version.Id], File.ReadAllText(version.File("w")));
        }
    }

    [Fact]
    public void Old_staging_folders_are_removed_by_the_next_publisher_and_young_ones_are_left()
    {
        Write("anchor/.staging-old/w", "dead");
        Write("anchor/.staging-young/w", "alive");
        Directory.SetLastWriteTimeUtc(_folder.File("anchor/.staging-old"), _time.GetUtcNow().UtcDateTime.AddHours(-25));
        Directory.SetLastWriteTimeUtc(_folder.File("anchor/.staging-young"), _time.GetUtcNow().UtcDateTime.AddHours(-23));
        Assert.Empty(_store.Versions("anchor"));
        Assert.Empty(_store.Rejected("anchor"));

        _store.Publish("anchor", ModelKind.Policy, Files(("w", "1")));

        Assert.Equal([".staging-young", "1"], Entries("anchor"));
    }

    private static Action<string> Files(params (string Name, string Text)[] files) => staging =>
    {
        foreach (var (name, text) in files)
        {
            File.WriteAllText(Path.Combine(staging, name), text);
        }
    };

    private string[] Entries(string name) =>
        [.. Directory.GetFileSystemEntries(_folder.File(name)).Select(entry => Path.GetFileName(entry)!).Order(StringComparer.Ordinal)];

    private void Write(string file, string text)
    {
        var path = _folder.File(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
