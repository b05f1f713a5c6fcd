using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelVerificationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelFolder _version;

    public ModelVerificationTests() => _version = new ModelStore(_folder.File("models"), TimeProvider.System).Publish("anchor", ModelKind.Policy, staging =>
    {
        File.WriteAllText(Path.Combine(staging, "config.json"), "{}");
        File.WriteAllText(Path.Combine(staging, "model.safetensors"), "weights");
    });

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_whole_version_passes_with_or_without_a_card()
    {
        ModelStore.Verify(_version);
        File.WriteAllText(_version.File("README.md"), "a card that was added later");

        ModelStore.Verify(_version);
    }

    [Fact]
    public void Every_flipped_byte_is_found()
    {
        var bytes = File.ReadAllBytes(_version.File("model.safetensors"));
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= 1;
            File.WriteAllBytes(_version.File("model.safetensors"), bytes);
            AssertRefused("model.safetensors: its sha256 is", "copy or publish the version again");
            bytes[i] ^= 1;
        }
    }

    [Fact]
    public void A_file_that_is_cut_short_is_found()
    {
        File.WriteAllText(_version.File("model.safetensors"), "weight");

        AssertRefused("model.safetensors: its sha256 is", "damaged or not copied to the end");
    }

    [Fact]
    public void A_missing_file_is_found()
    {
        File.Delete(_version.File("config.json"));

        AssertRefused("config.json: manifest.json lists this file, but it is missing");
    }

    [Fact]
    public void A_missing_folder_is_found()
    {
        Directory.Delete(_version.Path, recursive: true);

        AssertRefused("the folder is gone");
    }

    [Theory]
    [InlineData("extra.bin")]
    [InlineData(".hidden")]
    [InlineData("readme.md")]
    public void A_file_that_nothing_vouches_for_is_refused(string name)
    {
        File.WriteAllText(_version.File(name), "?");

        AssertRefused($"{name}: manifest.json does not list this file", "delete it or publish the version again");
    }

    [Fact]
    public void A_folder_inside_is_refused()
    {
        Directory.CreateDirectory(_version.File("onnx"));

        AssertRefused("onnx: a version's folder holds no folders");
    }

    [Fact]
    public void A_listed_file_that_is_a_folder_is_refused()
    {
        File.Delete(_version.File("config.json"));
        Directory.CreateDirectory(_version.File("config.json"));

        AssertRefused("config.json: cannot be read");
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("..")]
    [InlineData("sub/file")]
    [InlineData("sub\\file")]
    [InlineData("C:file")]
    [InlineData("")]
    public void A_name_that_leaves_the_folder_is_refused(string name)
    {
        File.WriteAllText(_folder.File("models/anchor/secret"), "x");
        var files = new Dictionary<string, string>(_version.Manifest.Files) { [name] = new('0', 64) };
        var escaping = _version with { Manifest = _version.Manifest with { Files = files } };

        var e = Assert.Throws<ManifestException>(() => ModelStore.Verify(escaping));

        Assert.Contains($"files lists \"{name}\"", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_out_of_the_folder_is_refused_even_with_the_right_content()
    {
        File.Move(_version.File("model.safetensors"), _folder.File("weights"));
        File.CreateSymbolicLink(_version.File("model.safetensors"), _folder.File("weights"));

        AssertRefused("model.safetensors: a link to", "outside the folder; copy the file itself here");
    }

    [Fact]
    public void A_link_to_nowhere_is_refused()
    {
        File.Delete(_version.File("model.safetensors"));
        File.CreateSymbolicLink(_version.File("model.safetensors"), "gone");

        AssertRefused("model.safetensors: manifest.json lists this file, but it is missing");
    }

    [Fact]
    public void A_registry_behind_a_link_passes()
    {
        Directory.CreateSymbolicLink(_folder.File("link"), _folder.File("models"));

        ModelStore.Verify(new ModelStore(_folder.File("link"), TimeProvider.System).Find("anchor"));
    }

    private void AssertRefused(params string[] reasons)
    {
        var e = Assert.Throws<ManifestException>(() => ModelStore.Verify(_version));
        Assert.StartsWith(_version.Path, e.Message, StringComparison.Ordinal);
        Assert.All(reasons, reason => Assert.Contains(reason, e.Message, StringComparison.Ordinal));
    }
}
