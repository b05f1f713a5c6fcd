using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

/// <summary>A publisher that dies: the steps are run one by one and abandoned after each; nobody may ever see a part of a version.</summary>
public sealed class ModelPublicationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;
    private readonly ModelPublication _publication;

    public ModelPublicationTests()
    {
        _store = new ModelStore(_folder.Path, TimeProvider.System);
        _store.Publish("anchor", ModelKind.Policy, staging => File.WriteAllText(Path.Combine(staging, "w"), "old"));
        _publication = new ModelPublication(_folder.Path, "anchor", TimeProvider.System);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Died_while_writing()
    {
        _publication.Stage(staging =>
        {
            AssertOnlyTheOldVersion();
            File.WriteAllText(Path.Combine(staging, "w"), "ne");
            AssertOnlyTheOldVersion();
        });

        AssertOnlyTheOldVersion();
        AssertTheNextPublisherGets("anchor@2");
    }

    [Fact]
    public void Died_after_sealing()
    {
        _publication.Stage(Write);
        _publication.Seal();

        AssertOnlyTheOldVersion();
        AssertTheNextPublisherGets("anchor@2");
    }

    [Fact]
    public void Died_after_taking_a_number()
    {
        _publication.Stage(Write);
        _publication.Seal();
        _publication.TakeNumber();

        AssertOnlyTheOldVersion();
        Assert.Equal([_folder.File("anchor/2")], _store.Rejected("anchor").Select(folder => folder.Path));
        AssertTheNextPublisherGets("anchor@3");
    }

    [Fact]
    public void Died_while_writing_the_manifest()
    {
        _publication.Stage(Write);
        _publication.Seal();
        _publication.TakeNumber();
        var whole = File.ReadAllText(_store.Find("anchor@1").File("manifest.json"));
        for (var length = 0; length <= whole.Length; length += 50)
        {
            File.WriteAllText(_folder.File("anchor/2/.manifest.json.tmp"), whole[..length]);
            AssertOnlyTheOldVersion();
        }

        AssertTheNextPublisherGets("anchor@3");
    }

    [Fact]
    public void Lived()
    {
        _publication.Stage(Write);
        _publication.Seal();
        _publication.TakeNumber();
        var version = _publication.Commit(ModelKind.Policy, null, null, null);
        _publication.Discard();

        Assert.Equal("anchor@2", version.Id);
        Assert.Equal(version.Manifest.Digest, _store.Latest("anchor")!.Manifest.Digest);
        ModelStore.Verify(version);
        Assert.Equal(["manifest.json", "w"], Directory.GetFiles(version.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_failed_commit_gives_its_number_back()
    {
        _publication.Stage(Write);
        _publication.Seal();
        _publication.TakeNumber();
        Directory.CreateDirectory(_folder.File("anchor/2/.manifest.json.tmp"));            // as good as a full disk
        Assert.ThrowsAny<Exception>(() => _publication.Commit(ModelKind.Policy, null, null, null));

        _publication.Discard();

        AssertOnlyTheOldVersion();
        AssertTheNextPublisherGets("anchor@2");
    }

    [Fact]
    public void A_number_taken_in_between_is_left_to_its_owner()
    {
        _publication.Stage(Write);
        _publication.Seal();
        var rival = _store.Publish("anchor", ModelKind.Policy, Write);
        _publication.TakeNumber();

        Assert.Equal("anchor@2", rival.Id);
        Assert.Equal("anchor@3", _publication.Commit(ModelKind.Policy, null, null, null).Id);
        ModelStore.Verify(rival);
    }

    private static void Write(string staging) => File.WriteAllText(Path.Combine(staging, "w"), "new");

    private void AssertOnlyTheOldVersion()
    {
        var only = Assert.Single(_store.Versions("anchor"));
        Assert.Equal("anchor@1", only.Id);
        Assert.Equal("anchor@1", _store.Latest("anchor")!.Id);
        ModelStore.Verify(only);
    }

    private void AssertTheNextPublisherGets(string id)
    {
        var next = _store.Publish("anchor", ModelKind.Policy, Write);
        Assert.Equal(id, next.Id);
        Assert.Equal(id, _store.Latest("anchor")!.Id);
        ModelStore.Verify(next);
    }
}
