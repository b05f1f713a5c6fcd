using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class LikelihoodConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_config_is_read_back_as_written()
    {
        var written = new LikelihoodConfig
        {
            Decoder = TinyPolicy.Config with { Family = ModelFamily.Qwen3, TieEmbeddings = false },
            Labels = ["not_entailment", "entailment"],
            HeadSize = 48,
            PadTokenId = 7,
        };
        written.Write(_folder.Path);

        var read = LikelihoodConfig.Read(_folder.Path);

        Assert.Equal(["not_entailment", "entailment"], read.Labels);
        Assert.Equal([TinyPolicy.Eos], read.Decoder.EosTokenIds);
        Assert.Equal(written, read with { Labels = written.Labels, Decoder = read.Decoder with { EosTokenIds = written.Decoder.EosTokenIds } });
        Assert.Equal(1, read.FavouredLabel);
    }

    [Fact]
    public void The_kind_of_a_folder_is_told_by_its_config()
    {
        string[] folders = [_folder.File("likelihood"), _folder.File("encoder"), _folder.File("policy")];
        Array.ForEach(folders, folder => Directory.CreateDirectory(folder));
        TinyLikelihood.Config(TinyScorer.RewardLabels).Write(folders[0]);
        TinyScorer.Config(TinyScorer.RewardLabels).Write(folders[1]);
        TinyPolicy.Config.Write(folders[2]);

        Assert.Equal([true, false, false], folders.Select(LikelihoodConfig.Matches));
        Assert.Equal([true, true, false], folders.Select(ScorerConfig.Matches));
        Assert.Equal([PairPacking.Likelihood, PairPacking.Overlap], folders[..2].Select(folder => ScorerConfig.Read(folder).Packing));
        Assert.Equal(128, ScorerConfig.Read(folders[0]).MaxPositions);
    }

    [Theory]
    [InlineData("architectures", """["LlamaForCausalLM"]""", "architectures does not name \"LikelihoodScorer\"")]
    [InlineData("architectures", "7", "architectures does not name \"LikelihoodScorer\"")]
    [InlineData("id2label", "null", "id2label is missing")]
    [InlineData("id2label", """{"0":"a","1":"b"}""", "id2label names a, b; a likelihood scorer has one label (a reward) or several with \"entailment\"")]
    [InlineData("head_size", "null", "head_size is missing")]
    [InlineData("head_size", "0", "head_size must be a whole number")]
    [InlineData("pad_token_id", "5000", "pad_token_id (5000) is not within the vocabulary")]
    [InlineData("hidden_act", "\"relu\"", "hidden_act is \"relu\"")]
    [InlineData("num_key_value_heads", "3", "is not a multiple of num_key_value_heads (3)")]
    public void A_bad_field_is_named(string field, string value, string reason)
    {
        TinyLikelihood.Config(TinyScorer.EntailmentLabels).Write(_folder.Path);
        var json = JsonNode.Parse(File.ReadAllText(_folder.File(ModelFiles.Config)))!;
        json[field] = JsonNode.Parse(value);
        File.WriteAllText(_folder.File(ModelFiles.Config), json.ToJsonString());

        var error = Assert.Throws<ModelConfigException>(() => LikelihoodConfig.Read(_folder.Path));

        Assert.StartsWith(_folder.File(ModelFiles.Config), error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
