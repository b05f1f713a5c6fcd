using System.Collections.Immutable;
using Serving.EpisodeTools;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

/// <summary>Any schema written as a TFDS folder and read back.</summary>
[Collection("console")]
public sealed class RldsWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Our_own_log_written_through_its_schema_is_the_same_and_sound()
    {
        var random = new Random(11);
        using var log = await ToolFolder.WithEpisodes(Enumerable.Range(0, 40).Select(_ => EpisodeSamples.Random(random)));
        var read = RldsReader.Read(log.Root).ToArray();

        using (var writer = new RldsWriter(_folder.Path, "copied", RldsFolder.Open(log.Root).Features!, maxEpisodesPerFile: 15))
        {
            Array.ForEach(read, writer.Add);
        }

        AssertSound("copied", 40);
        Assert.Equal([15L, 15L, 10L], RldsFolder.Open(_folder.File("copied")).Info!.Splits.Single().ShardLengths);
        Assert.Equal(read.Select(Describe), RldsReader.Read(_folder.File("copied")).Select(Describe));
    }

    [Theory]
    [InlineData("bridge")]
    [InlineData("text_episodes")]
    public void A_dataset_that_tfds_wrote_comes_back_as_it_was(string name)
    {
        var fixture = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "data", "rlds-fixtures", name));
        Assert.SkipUnless(Directory.Exists(fixture), $"'{fixture}' is not there: the datasets that TFDS wrote are not part of the repository.");
        var read = RldsReader.Read(fixture).ToArray();

        using (var writer = new RldsWriter(_folder.Path, "copied", RldsFolder.Open(fixture).Features!))
        {
            Array.ForEach(read, writer.Add);
        }

        AssertSound("copied", read.Length);
        Assert.Equal(read.Select(Describe), RldsReader.Read(_folder.File("copied")).Select(Describe));
    }

    [Fact]
    public void A_schema_made_from_a_sample_keeps_every_value()
    {
        var sample = Sample();

        var features = SampleFeatures.Of(sample, new HashSet<string> { "observation/image" });
        using (var writer = new RldsWriter(_folder.Path, "sampled", features))
        {
            writer.Add(sample);
        }

        var columns = FeatureColumn.All(features).ToDictionary(column => column.Path);
        Assert.Equal(FeatureKind.Image, columns["steps/observation/image"].Node.Kind);
        Assert.Equal((FeatureKind.Tensor, TensorEncoding.Zlib), (columns["steps/action"].Node.Kind, columns["steps/action"].Node.Encoding));
        Assert.Equal(TensorEncoding.None, columns["steps/reward"].Node.Encoding);
        Assert.Equal((1, true), (columns["steps/tokens"].Lists, columns["steps/tokens"].Ragged));
        Assert.Equal(FeatureKind.Text, columns["episode_id"].Node.Kind);
        AssertSound("sampled", 1);
        Assert.Equal(Describe(sample), Describe(RldsReader.Read(_folder.File("sampled")).Single()));
    }

    [Fact]
    public void Splits_are_named_and_a_dataset_is_never_overwritten()
    {
        var sample = Sample();
        var features = SampleFeatures.Of(sample);
        using (var writer = new RldsWriter(_folder.Path, "split", features, ["train", "test"]))
        {
            writer.Add(sample, "test");
            writer.Add(sample, "train");
            writer.Add(sample, "test");
            Assert.Throws<ArgumentException>(() => writer.Add(sample));
            Assert.Contains("train, test", Assert.Throws<ArgumentException>(() => writer.Add(sample, "dev")).Message, StringComparison.Ordinal);
        }

        Assert.Equal([("train", 1L), ("test", 2L)], RldsFolder.Open(_folder.File("split")).Info!.Splits.Select(split => (split.Name, split.ShardLengths.Sum())));
        Assert.Contains("not overwritten", Assert.Throws<EpisodeToolException>(() => new RldsWriter(_folder.Path, "split", features)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new RldsWriter(_folder.Path, "1st", features));
        Assert.Throws<ArgumentException>(() => new RldsWriter(_folder.Path, "other", features, version: "1.0"));
    }

    [Fact]
    public void What_does_not_fit_the_schema_is_refused_by_name_and_leaves_no_trace()
    {
        var sample = Sample();
        using (var writer = new RldsWriter(_folder.Path, "strict", SampleFeatures.Of(sample)))
        {
            Refused(writer, step => step.With("action", RldsValue.Tensor("float32", [2], new float[2])), "'steps/action'");
            Refused(writer, step => step.With("action", RldsValue.Ragged("float32", [])), "'steps/action'");
            Refused(writer, step => step.With("reward", RldsValue.Tensor("float64", [], new[] { 0.1 })), "'steps/reward'");
            Refused(writer, step => step.With("small", RldsValue.Tensor("uint8", [2], new[] { 1L, 256 })), "'steps/small'");
            Refused(writer, step => new RldsStep(step.Fields.Remove("discount")), "'discount' is missing in step 0");
            writer.Add(sample);
        }

        AssertSound("strict", 1);

        void Refused(RldsWriter writer, Func<RldsStep, RldsStep> change, string field) => Assert.Contains(
            field, Assert.Throws<ArgumentException>(() => writer.Add(sample with { Steps = [.. sample.Steps.Select(change)] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_clash_are_refused()
    {
        (string, RldsValue)[] flags = [("is_first", RldsValue.Bool(true)), ("is_last", RldsValue.Bool(false))];

        var step = RldsBuild.Step([.. flags, ("observation/x", RldsValue.Float(1))], [("speed", RldsValue.Float(2))]);
        var episode = RldsBuild.Episode([step], [("episode_id", RldsValue.String("a"))]);

        Assert.Equal((1, 2), (step["observation/x"].Number, step["speed"].Number));
        Assert.Equal("a", episode.Metadata["episode_id"].Text);
        Assert.Throws<ArgumentException>(() => RldsBuild.Step(flags, [("reward", RldsValue.Float(1))]));
        Assert.Throws<ArgumentException>(() => RldsBuild.Step(flags, [("observation/y", RldsValue.Float(1))]));
        Assert.Throws<ArgumentException>(() => RldsBuild.Step([.. flags, ("speed", RldsValue.Float(1))]));
        Assert.Throws<ArgumentException>(() => RldsBuild.Step([flags[0]]));
        Assert.Throws<ArgumentException>(() => RldsBuild.Episode([step], [("steps", RldsValue.Float(1))]));
    }

    [Fact]
    public void A_transform_is_a_pattern_of_what_it_refers_to()
    {
        RldsStep[][] episodes = [[Number(0), Number(1), Number(2)], [Number(10)]];

        var sars = StepPattern.FromTransform(step => [("s", step["observation"]["x"][-2]), ("a", step["action"][-2]), ("next", step["observation"]["x"][-1])]);
        var pairs = StepPattern.FromTransform(step => [("both", step["action"][^2..]), ("first", step["action"][^2..^1])]);

        Assert.Equal([(0, 1), (1, 2)], sars.Map(episodes).Select(item => (item["s"][0].Number, item["next"][0].Number)));
        Assert.Equal(3, sars.Map(episodes, respectEpisodeBoundaries: false).Count());
        Assert.Equal([[0, 1], [1, 2]], pairs.Map(episodes).Select(item => item["both"].Select(value => value.Number)));
        Assert.Equal([0, 1], pairs.Map(episodes).Select(item => item["first"].Single().Number));
        Assert.Throws<ArgumentException>(() => StepPattern.FromTransform(step => [("s", step["action"])]));
        Assert.Throws<ArgumentException>(() => StepPattern.FromTransform(step => [("s", step["action"][..2])]));

        static RldsStep Number(float x) => RldsStep.Of(("observation/x", RldsValue.Float(x)), ("action", RldsValue.Float(x)));
    }

    private static RldsEpisode Sample()
    {
        var steps = Enumerable.Range(0, 3).Select(i => RldsStep.Of(
            ("observation/image", RldsValue.Tensor("string", [], new[] { new byte[] { 0x89, 0x50, (byte)i } })),
            ("observation/text", RldsValue.String("step " + i)),
            ("action", RldsValue.Tensor("float32", [3], new[] { i + 0.5f, -1, float.NaN })),
            ("small", RldsValue.Tensor("uint8", [2], new[] { (long)i, 255 })),
            ("exact", RldsValue.Tensor("float64", [], new[] { 0.1 * i })),
            ("tokens", RldsValue.Ragged("int32", [.. Enumerable.Range(0, i + 1).Select(t => RldsValue.Tensor("int32", [], new[] { (long)t }))])),
            ("reward", RldsValue.Float(i)),
            ("discount", RldsValue.Float(1)),
            ("is_first", RldsValue.Bool(i == 0)),
            ("is_last", RldsValue.Bool(i == 2)),
            ("is_terminal", RldsValue.Bool(false))));
        return RldsBuild.Episode([.. steps], [("episode_id", RldsValue.String("e")), ("number", RldsValue.Int64(-7))]);
    }

    private void AssertSound(string name, int records)
    {
        var report = new DatasetVerifier(RldsFolder.Open(_folder.File(name))).Run();
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        Assert.Equal(records, report.Records);
    }

    private static string Describe(RldsEpisode episode) => string.Join(
        '\n', new[] { Describe(episode.Metadata) }.Concat(episode.Steps.Select(step => Describe(step.Fields))));

    private static string Describe(ImmutableSortedDictionary<string, RldsValue> fields) => string.Join(' ', fields.Select(field => $"{field.Key}={Describe(field.Value)}"));

    /// <summary>A list of scalars reads back as one tensor: both are told alike.</summary>
    private static string Describe(RldsValue value) => value.Rows is { } rows
        ? $"[{string.Join(',', rows.Select(Describe))}]"
        : value.Shape.Count > 0 ? $"[{string.Join(',', value.Elements.Cast<object>().Select(Describe))}]" : Describe(value.Elements.GetValue(0)!);

    private static string Describe(object element) => element switch
    {
        byte[] bytes => Convert.ToHexString(bytes),
        float number => BitConverter.SingleToUInt32Bits(number).ToString("x", System.Globalization.CultureInfo.InvariantCulture),
        double number => BitConverter.DoubleToUInt64Bits(number).ToString("x", System.Globalization.CultureInfo.InvariantCulture),
        _ => Convert.ToString(element, System.Globalization.CultureInfo.InvariantCulture)!,
    };
}
