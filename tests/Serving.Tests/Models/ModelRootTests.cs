using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelRootTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Working => Made("working");

    private string Content => Made("content");

    private string Program => Made("repository/.artifacts/bin/server/release");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_absolute_path_is_taken_as_it_is() =>
        Assert.Equal(_folder.File("not/there"), ModelRoot.Resolve(_folder.File("not/there"), Working, Content, Program));

    [Fact]
    public void The_working_directory_comes_first_then_the_content_root_then_the_folders_above_the_program()
    {
        var above = Made("repository/models");
        Assert.Equal(above, ModelRoot.Resolve("models", Working, Content, Program));

        var near = Made("repository/.artifacts/models");
        Assert.Equal(near, ModelRoot.Resolve("models", Working, Content, Program));

        var beside = Made("content/models");
        Assert.Equal(beside, ModelRoot.Resolve("models", Working, Content, Program));

        var here = Made("working/models");
        Assert.Equal(here, ModelRoot.Resolve("models", Working, Content, Program));
    }

    [Fact]
    public void Without_any_it_is_the_one_that_a_publisher_would_make() =>
        Assert.Equal(_folder.File("working/absent-models"), ModelRoot.Resolve("absent-models", Working, Content, Program));

    [Fact]
    public void A_file_of_that_name_is_not_the_registry()
    {
        File.WriteAllText(Path.Combine(Working, "models"), "");
        var above = Made("repository/models");

        Assert.Equal(above, ModelRoot.Resolve("models", Working, Content, Program));
    }

    private string Made(string folder) => Directory.CreateDirectory(_folder.File(folder)).FullName;
}
