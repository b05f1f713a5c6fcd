using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelManifestTests : IDisposable
{
    private static readonly string _ones = new('1', 64);
    private static readonly string _twos = new('2', 64);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_manifest_is_read_back_as_written()
    {
        var written = Example();
        File.WriteAllText(_folder.File("manifest.json"), written.ToJson());

        var read = ModelManifest.Read(_folder.Path);

        Assert.Equal(written.Kind, read.Kind);
        Assert.Equal(written.Name, read.Name);
        Assert.Equal(written.Version, read.Version);
        Assert.Equal(written.Parent, read.Parent);
        Assert.Equal(written.Created, read.Created);
        Assert.Equal(written.Digest, read.Digest);
        Assert.Equal(written.Files, read.Files);
        Assert.Equal("bond", (string?)read.Training!["objective"]);
        Assert.Equal(0.5, (double?)read.Figures!["scorecard"]);
    }

    [Fact]
    public void What_need_not_be_there_may_be_absent_and_unknown_fields_are_ignored()
    {
        Put(json =>
        {
            json.Remove("parent");
            json.Remove("training");
            json["figures"] = null;
            json["later"] = new JsonObject { ["x"] = 1 };
        });

        var read = ModelManifest.Read(_folder.Path);

        Assert.Null(read.Parent);
        Assert.Null(read.Training);
        Assert.Null(read.Figures);
    }

    [Fact]
    public void The_digest_is_that_of_the_sorted_lines()
    {
        var lines = $"B {_twos}\na {_ones}\n";                       // by code unit, so capitals come first
        var expected = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines)));

        Assert.Equal(expected, ModelManifest.DigestOf(new Dictionary<string, string> { ["a"] = _ones, ["B"] = _twos }));
        Assert.Equal(expected, ModelManifest.DigestOf(new Dictionary<string, string> { ["B"] = _twos, ["a"] = _ones }));
        Assert.NotEqual(expected, ModelManifest.DigestOf(new Dictionary<string, string> { ["B"] = _ones, ["a"] = _twos }));
    }

    [Theory]
    [InlineData("kind", null, "kind is missing.")]
    [InlineData("kind", "\"judge\"", "kind is \"judge\"; this program knows \"policy\" and \"scorer\".")]
    [InlineData("kind", "1", "kind must be text.")]
    [InlineData("name", null, "name is missing.")]
    [InlineData("name", "\"\"", "name is missing.")]
    [InlineData("name", "\"../x\"", "name \"../x\" is not a model name")]
    [InlineData("name", "\".x\"", "name \".x\" is not a model name")]
    [InlineData("name", "\"x\\n\"", "is not a model name")]
    [InlineData("version", null, "version is missing.")]
    [InlineData("version", "3", "version must be text.")]
    [InlineData("version", "\"03\"", "version \"03\" is not a whole number from 1.")]
    [InlineData("version", "\"0\"", "version \"0\" is not a whole number from 1.")]
    [InlineData("version", "\"-1\"", "version \"-1\" is not a whole number from 1.")]
    [InlineData("version", "\"99999999999\"", "version \"99999999999\" is not a whole number from 1.")]
    [InlineData("created", null, "created is missing.")]
    [InlineData("created", "\"yesterday\"", "created is \"yesterday\", not a time such as 2026-01-31T12:00:00Z.")]
    [InlineData("parent", "{}", "parent must be text.")]
    [InlineData("training", "[]", "training must be an object.")]
    [InlineData("figures", "\"good\"", "figures must be an object.")]
    [InlineData("files", null, "files must be an object of file name to sha256.")]
    [InlineData("files", "{}", "files must be an object of file name to sha256.")]
    [InlineData("files", "[\"a\"]", "files must be an object of file name to sha256.")]
    [InlineData("files", "{\"a\":\"12\"}", "files: the sha256 of \"a\" must be 64 lower-case hex digits.")]
    [InlineData("files", "{\"a\":null}", "files: the sha256 of \"a\" must be 64 lower-case hex digits.")]
    [InlineData("files", "{\"../a\":\"\"}", "files lists \"../a\", which is not the name of a file of the folder itself.")]
    [InlineData("files", "{\"..\":\"\"}", "files lists \"..\"")]
    [InlineData("files", "{\"/etc/passwd\":\"\"}", "files lists \"/etc/passwd\"")]
    [InlineData("files", "{\"C:\\\\x\":\"\"}", "files lists \"C:\\x\"")]
    [InlineData("files", "{\"a\\nb\":\"\"}", "which is not the name of a file")]
    [InlineData("files", "{\"manifest.json\":\"\"}", "files lists \"manifest.json\"")]
    [InlineData("digest", null, "digest is missing.")]
    [InlineData("digest", "\"sha256:00\"", "digest is sha256:00, but the files listed give sha256:")]
    public void A_missing_or_malformed_field_is_named(string field, string? value, string reason)
    {
        Put(json =>
        {
            if (value is null)
            {
                json.Remove(field);
            }
            else
            {
                json[field] = JsonNode.Parse(value);
            }
        });

        var e = Assert.Throws<ManifestException>(() => ModelManifest.Read(_folder.Path));

        Assert.StartsWith(_folder.File("manifest.json"), e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"kind\":\"policy\",\"kind\":\"policy\"}")]
    public void A_broken_file_is_refused(string text)
    {
        File.WriteAllText(_folder.File("manifest.json"), text);

        Assert.Throws<ManifestException>(() => ModelManifest.Read(_folder.Path));
    }

    [Fact]
    public void Every_truncation_of_a_good_manifest_is_refused()
    {
        var whole = Example().ToJson().TrimEnd();
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllText(_folder.File("manifest.json"), whole[..length]);
            Assert.Throws<ManifestException>(() => ModelManifest.Read(_folder.Path));
        }
    }

    private static ModelManifest Example()
    {
        var files = new Dictionary<string, string> { ["config.json"] = _ones, ["model.safetensors"] = _twos };
        return new ModelManifest
        {
            Kind = ModelKind.Policy,
            Name = "student",
            Version = "3",
            Parent = "student@2",
            Created = new DateTimeOffset(2026, 1, 31, 12, 0, 0, 250, TimeSpan.Zero),
            Files = files,
            Training = new JsonObject { ["objective"] = "bond" },
            Figures = new JsonObject { ["scorecard"] = 0.5 },
            Digest = ModelManifest.DigestOf(files),
        };
    }

    private void Put(Action<JsonObject> change)
    {
        var json = JsonNode.Parse(Example().ToJson())!.AsObject();
        change(json);
        File.WriteAllText(_folder.File("manifest.json"), json.ToJsonString());
    }
}
