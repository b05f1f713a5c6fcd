using Serving.Import;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Import;

public sealed class ImportCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_checkpoint_becomes_a_version_of_the_registry_that_is_named()
    {
        HubFolder.Write(_folder.File("checkpoint"), TinyPolicy.Config);

        Assert.Equal(0, await Run("import", _folder.File("checkpoint"), "--name", "tiny", "--models", _folder.File("models")));
        Assert.Equal(0, await Run("import", _folder.File("checkpoint"), "--name", "tiny", "--models", _folder.File("models"), "--link"));

        var store = new ModelStore(_folder.File("models"), TimeProvider.System);
        Assert.Equal(["tiny@1", "tiny@2"], store.Versions("tiny").Select(version => version.Id));
        Assert.Equal("checkpoint", (string?)store.Find("tiny").Manifest.Training!["source"]);
        Assert.Equal(store.Find("tiny@1").Manifest.Digest, store.Find("tiny@2").Manifest.Digest);
    }

    [Fact]
    public async Task What_cannot_be_imported_gives_an_exit_code_and_no_version()
    {
        HubFolder.Write(_folder.File("checkpoint"), TinyPolicy.Config);
        File.Delete(_folder.File("checkpoint/tokenizer.json"));

        Assert.Equal(1, await Run("import", _folder.File("checkpoint"), "--name", "tiny", "--models", _folder.File("models")));
        Assert.Equal(1, await Run("import", _folder.File("nowhere"), "--name", "tiny", "--models", _folder.File("models")));
        Assert.Equal(1, await Run("import", _folder.File("checkpoint"), "--models", _folder.File("models")));
        Assert.False(Directory.Exists(_folder.File("models")));
    }

    private static Task<int> Run(params string[] arguments)
    {
        var root = new System.CommandLine.RootCommand { ImportCommand.Create() };
        return root.Parse(arguments).InvokeAsync(null, TestContext.Current.CancellationToken);
    }
}
