using System.IO.Compression;
using System.Text;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

public sealed class RldsReaderTests
{
    private const string Tfds = "tensorflow_datasets.core.features.";

    [Fact]
    public async Task Our_own_log_is_read_as_steps()
    {
        var usual = EpisodeSamples.Usual("a", 3, 7, new Random(1));
        using var folder = await ToolFolder.WithEpisodes([usual]);

        var episode = Assert.Single(RldsReader.Read(folder.Root));

        Assert.Equal("a", episode.Metadata["episode_id"].Text);
        Assert.Equal(2, episode.Steps.Count);
        Assert.Equal(usual.Prompt, episode.Steps[0]["observation/text"].Text);
        Assert.Equal(usual.PromptTokens.Select(token => (double)token), episode.Steps[0]["observation/tokens"].ToDoubles());
        Assert.Equal(usual.Candidates.Select(candidate => candidate.Total), episode.Steps[0]["candidates/totals"].ToDoubles());
        Assert.True(episode.Steps[1].Is("is_last"));
        Assert.True(SpecFill.IsValidRlds(RldsFolder.Open(folder.Root).Features!));
    }

    [Fact]
    public void Ragged_lists_that_tfds_wrote_are_cut_as_they_were()
    {
        FeatureNode Leaf(string dtype) => new() { Kind = FeatureKind.Tensor, Connector = "", DType = dtype };
        var record = TfExample.Parse(Serving.Tests.Episodes.TfdsRecord.Payload());
        FeatureColumn[] columns =
        [
            new("steps/action/tokens", Leaf("int32"), true, 1),
            new("steps/candidates/tokens", Leaf("int32"), true, 2),
            new("steps/candidates/reward", Leaf("float32"), true, 1),
            new("steps/hidden", Leaf("float32") with { Encoding = TensorEncoding.Zlib, Shape = [4] }, true, 0),
            new("steps/reward_f64", Leaf("float64") with { Encoding = TensorEncoding.Bytes }, true, 0),
            new("episode_id", Leaf("string"), false, 0),
        ];

        var episode = RldsReader.Decode(columns, record);

        Assert.Equal("ep-0001", episode.Metadata["episode_id"].Text);
        Assert.Equal([10, 11, 12], episode.Steps[0]["action/tokens"].ToDoubles());
        Assert.Empty(episode.Steps[1]["action/tokens"].ToDoubles());
        var candidates = episode.Steps[0]["candidates/tokens"].Rows!;
        Assert.Equal([[10, 11, 12], [], [13]], candidates.Select(candidate => candidate.ToDoubles()));
        Assert.Empty(episode.Steps[1]["candidates/tokens"].Rows!);
        Assert.Equal(0.1, episode.Steps[0]["reward_f64"].Number);
        Assert.Equal([4L], episode.Steps[0]["hidden"].Shape);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Legacy_features_nested_metadata_images_and_steps_without_is_last_are_read(bool gzip)
    {
        using var temporary = new TemporaryFolder();
        var folder = Path.Combine(temporary.Path, "old", "0.1.0");
        Directory.CreateDirectory(folder);
        string Node(string connector, string content) => $$"""{"type": "{{Tfds}}{{connector}}", "content": {{content}}}""";
        string Tensor(string shape, string dtype) => Node("tensor_feature.Tensor", $$"""{"shape": {{shape}}, "dtype": "{{dtype}}", "encoding": "none"}""");
        var image = Node("image_feature.Image", """{"shape": [2, 2, 3], "dtype": "uint8", "encoding_format": "png"}""");
        var step = Node("features_dict.FeaturesDict", $$"""{"action": {{Tensor("[2]", "float32")}}, "is_first": {{Tensor("[]", "bool")}}, "observation": {{image}}}""");
        var steps = Node("dataset_feature.Dataset", $$"""{"feature": {{step}}, "length": null}""");
        var metadata = Node("features_dict.FeaturesDict", $$"""{"episode_id": {{Tensor("[]", "int64")}}}""");
        File.WriteAllText(Path.Combine(folder, "features.json"), Node("features_dict.FeaturesDict", $$"""{"episode_metadata": {{metadata}}, "steps": {{steps}}}"""));
        File.WriteAllText(
            Path.Combine(folder, "dataset_info.json"),
            """{"name": "old", "splits": [{"name": "train", "shardLengths": ["1"], "numBytes": "0"}], "version": "0.1.0"}""");
        WriteShard(Path.Combine(folder, "old-train.tfrecord-00000-of-00001"), gzip);

        var episode = Assert.Single(RldsReader.Read(temporary.Path));

        Assert.Equal(42, episode.Metadata["episode_id"].Number);
        Assert.Equal([[1, 2], [3, 4]], episode.Steps.Select(s => s["action"].ToDoubles()));
        Assert.Equal(["png one", "png two"], episode.Steps.Select(s => s["observation"].Text));
        Assert.False(episode.Steps[1].Is("is_last"));
    }

    [Fact]
    public void Datasets_that_tfds_wrote_are_read()
    {
        var fixtures = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "data", "rlds-fixtures"));
        Assert.SkipUnless(Directory.Exists(fixtures), $"'{fixtures}' is not there: the datasets that TFDS wrote are not part of the repository.");

        var bridge = Assert.Single(RldsReader.Read(Path.Combine(fixtures, "bridge")));
        var texts = RldsReader.Read(Path.Combine(fixtures, "text_episodes")).ToArray();

        Assert.Equal([512L], bridge.Steps[0]["observation/natural_language_embedding"].Shape);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], ((byte[][])bridge.Steps[0]["observation/image"].Elements)[0][..4]);
        Assert.Equal("ep-0001", texts[0].Metadata["episode_id"].Text);
        Assert.Equal("A short summary.", texts[0].Steps[0]["action/text"].Text);
    }

    [Fact]
    public async Task Random_bytes_in_a_schema_end_in_one_line()
    {
        using var folder = await ToolFolder.WithEpisodes([EpisodeSamples.Usual("a", 3, 7, new Random(1))]);
        var sound = await File.ReadAllBytesAsync(folder.Features, TestContext.Current.CancellationToken);
        var random = new Random(8);
        string[] words = ["-1", "zlib", "none", "int32", "float32", "tensor", "sequence", "Tensor", "dimensions"];
        for (var round = 0; round < 200; round++)
        {
            var text = Encoding.UTF8.GetString(sound);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = text.IndexOf(words[random.Next(words.Length)], random.Next(text.Length / 2), StringComparison.Ordinal);
                text = at < 0 ? text : text[..at] + words[random.Next(words.Length)] + text[(at + random.Next(1, 6))..];
            }

            await File.WriteAllTextAsync(folder.Features, text, TestContext.Current.CancellationToken);
            try
            {
                Assert.Single(RldsReader.Read(folder.Root));
            }
            catch (EpisodeToolException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    private static void WriteShard(string path, bool gzip)
    {
        using var writer = new ExampleWriter();
        writer.Int64("episode_metadata/episode_id"u8, 42);
        writer.Float("steps/action"u8, 1, 2, 3, 4);
        writer.Int64("steps/is_first"u8, 1, 0);
        writer.Bytes("steps/observation"u8, "png one"u8, "png two"u8);
        using var file = File.Create(path);
        using Stream target = gzip ? new GZipStream(file, CompressionLevel.Fastest) : file;
        target.Write(writer.Finish().Memory.Span);
    }
}
