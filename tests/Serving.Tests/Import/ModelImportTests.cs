using Serving.Import;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Scoring;
using Serving.Testing;
using Serving.Tokenization;
using Xunit;

namespace Serving.Tests.Import;

public sealed class ModelImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;

    public ModelImportTests() => _store = new ModelStore(_folder.File("models"), TimeProvider.System);

    private string Source => _folder.File("checkpoint");

    public void Dispose() => _folder.Dispose();

    public static TheoryData<DecoderConfig, string, int> Checkpoints => new()
    {
        { TinyPolicy.Config, "F32", 1 },
        { TinyPolicy.Config with { Family = ModelFamily.Mistral, TieEmbeddings = false }, "BF16", 1 },
        { TinyPolicy.Config with { Family = ModelFamily.Qwen2 }, "BF16", 3 },
        { TinyPolicy.Config with { Family = ModelFamily.Qwen3 }, "F16", 2 },
        { TinyPolicy.Config with { Family = ModelFamily.Gemma, Activation = Activation.GeluTanh }, "BF16", 1 },
    };

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void An_imported_checkpoint_is_a_version_that_serves_with_its_own_weights(DecoderConfig config, string dtype, int shards)
    {
        var weights = HubFolder.Write(Source, config, seed: 4, dtype, shards);
        File.WriteAllText(Path.Combine(Source, "generation_config.json"), """{"eos_token_id":[2,3]}""");
        File.WriteAllText(Path.Combine(Source, "pytorch_model.bin"), "of no use");
        Directory.CreateDirectory(Path.Combine(Source, ".cache"));

        var report = Import();

        Assert.Equal(("tiny@1", config.Family.ToString(), config.Parameters), (report.Version.Id, report.Family, report.Parameters));
        Assert.Equal([dtype], report.DTypes);
        Assert.Equal(ModelKind.Policy, report.Version.Manifest.Kind);
        ModelStore.Verify(_store.Find("tiny@1"));
        string[] taken = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", .. Checkpoint.Open(Source).Files];
        Assert.Equal([.. taken.Append("model.onnx").Order()], report.Version.Manifest.Files.Keys.Order());
        Assert.All(taken, file => Assert.Equal(File.ReadAllBytes(Path.Combine(Source, file)), File.ReadAllBytes(report.Version.File(file))));

        using var policy = LoadedPolicy.Load(report.Version, new OnnxOptions { Threads = 1 }, new InferenceOptions { Slots = 2 });
        Assert.Equal([2, 3], policy.Config.EosTokenIds);
        using var decoder = OnnxDecoder.Load(report.Version.Path, new OnnxOptions { Threads = 1 }, new InferenceOptions { Slots = 5 });
        Assert.All(DecoderCheck.Differences(decoder, config, weights), check => Assert.True(check.Difference < 1e-4, $"{check.What}: {check.Difference:g3}"));
    }

    [Fact]
    public void A_second_import_is_the_next_version()
    {
        HubFolder.Write(Source, TinyPolicy.Config);

        Import();

        Assert.Equal("tiny@2", Import().Version.Id);
    }

    [Fact]
    public void A_likelihood_scorer_is_imported_with_the_graph_of_its_kind()
    {
        var config = TinyLikelihood.Config(TinyScorer.EntailmentLabels);
        TinyLikelihood.Write(Source, config, seed: 3);
        File.Delete(Path.Combine(Source, ModelFiles.Graph));

        var report = Import();

        Assert.Equal((ModelKind.Scorer, "Llama likelihood"), (report.Version.Manifest.Kind, report.Family));
        Assert.Equal(TinyLikelihood.Weights(config, 3).Sum(tensor => (long)tensor.Values.Length), report.Parameters);
        using var scorer = ScorerModel.Load(report.Version, new OnnxOptions { Threads = 1 }, 4);
        Assert.Equal(PairPacking.Likelihood, scorer.Config.Packing);
    }

    [Fact]
    public void A_scorer_is_imported_as_one()
    {
        TinyScorer.Write(Source, TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 3);
        File.Delete(Path.Combine(Source, ModelFiles.Graph));

        var report = Import();

        Assert.Equal((ModelKind.Scorer, "BERT"), (report.Version.Manifest.Kind, report.Family));
        Assert.Equal(TinyScorer.Weights(TinyScorer.Config(TinyScorer.EntailmentLabels), 3).Sum(tensor => (long)tensor.Values.Length), report.Parameters);
        using var scorer = ScorerModel.Load(report.Version, new OnnxOptions { Threads = 1 }, 4);
        Assert.Equal(TinyScorer.EntailmentLabels, scorer.Config.Labels);
    }

    [Fact]
    public void A_graph_that_others_exported_is_taken_over_as_it_is()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        File.Delete(Path.Combine(Source, ModelFiles.Weights));
        OptimumExport.Write(Source, TinyPolicy.Config, TinyPolicy.Weights(TinyPolicy.Config, 6));
        File.WriteAllText(Path.Combine(Source, "model.onnx_data"), "");

        var report = Import();

        Assert.Empty(report.DTypes);
        Assert.Equal(TinyPolicy.Config.Parameters, report.Parameters);
        Assert.Equal(["config.json", "model.onnx", "model.onnx_data", "tokenizer.json", "tokenizer_config.json"], report.Version.Manifest.Files.Keys.Order());
        ModelStore.Verify(report.Version);
        OptimumDecoder.Load(report.Version.Path, new OnnxOptions { Threads = 1 }, new InferenceOptions { Slots = 1 }).Dispose();
    }

    [Fact]
    public void An_exported_graph_of_another_kind_or_config_is_refused()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        DecoderGraph.Write(Source);
        File.Delete(Path.Combine(Source, ModelFiles.Weights));
        Refused<ModelException>("model.onnx: ONNX Runtime cannot load it");

        OptimumExport.Write(Source, TinyPolicy.Config, TinyPolicy.Weights(TinyPolicy.Config, 6));
        (TinyPolicy.Config with { KeyValueHeads = 4 }).Write(Source);
        Refused<ModelException>("dimension 1 of \"past_key_values.0.key\" is 2, but config.json beside it calls for 4");
    }

    [Fact]
    public void A_cache_of_links_becomes_plain_files()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making a symbolic link needs a privilege there.");
        HubFolder.Write(_folder.File("blobs"), TinyPolicy.Config);
        Directory.CreateDirectory(Source);
        foreach (var file in Directory.GetFiles(_folder.File("blobs")))
        {
            File.CreateSymbolicLink(Path.Combine(Source, Path.GetFileName(file)), Path.Combine("..", "blobs", Path.GetFileName(file)));
        }

        ModelStore.Verify(Import().Version);
        ModelStore.Verify(Import(link: true).Version);
    }

    [Fact]
    public void Linked_files_are_the_sources_own()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        var (copied, linked) = (Import().Version, Import(link: true).Version);
        ModelStore.Verify(linked);

        using (var file = new FileStream(Path.Combine(Source, ModelFiles.Weights), FileMode.Open, FileAccess.Write))
        {
            file.Seek(-1, SeekOrigin.End);
            file.WriteByte(0x77);
        }

        ModelStore.Verify(copied);
        Assert.Contains("its sha256 is", Assert.Throws<ManifestException>(() => ModelStore.Verify(linked)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_tensor_is_named_with_its_file()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        HubFolder.WriteWeights(Source, [.. TinyPolicy.Weights(TinyPolicy.Config, 1).Where(tensor => tensor.Name != "model.layers.1.mlp.up_proj.weight")]);

        Refused<ModelWeightsException>("model.safetensors: tensor \"model.layers.1.mlp.up_proj.weight\" is missing.");
    }

    [Fact]
    public void Weights_of_another_shape_are_named_with_both_shapes()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        (TinyPolicy.Config with { KeyValueHeads = 4 }).Write(Source);

        Refused<ModelWeightsException>("tensor \"model.layers.0.self_attn.k_proj.weight\" has shape [32, 64], but config.json calls for [64, 64].");
    }

    [Fact]
    public void Weights_of_a_dtype_that_is_not_served_are_named()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        var header = """{"model.embed_tokens.weight":{"dtype":"F8_E4M3","shape":[320,64],"data_offsets":[0,20480]}}"""u8;
        File.WriteAllBytes(Path.Combine(Source, ModelFiles.Weights), [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[20480]]);

        Refused<SafetensorsException>("tensor \"model.embed_tokens.weight\" has dtype F8_E4M3; supported are F32, F16 and BF16.");
    }

    [Fact]
    public void An_unknown_architecture_is_named()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        var path = Path.Combine(Source, ModelFiles.Config);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"llama\"", "\"mamba\"", StringComparison.Ordinal));

        Refused<ModelConfigException>("config.json: model_type is \"mamba\"; supported are llama, mistral, qwen2, qwen3 and gemma.");
    }

    [Fact]
    public void An_index_that_leaves_the_folder_is_refused()
    {
        HubFolder.Write(Source, TinyPolicy.Config, shards: 2);
        var path = Path.Combine(Source, ModelFiles.WeightsIndex);
        File.WriteAllText(path, File.ReadAllText(path).Replace("model-00001-of-00002.safetensors", "../model.safetensors", StringComparison.Ordinal));

        Refused<CheckpointException>("weight_map names \"../model.safetensors\", which is not a .safetensors file of the folder itself.");
    }

    [Fact]
    public void A_truncated_file_of_weights_is_refused()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        var path = Path.Combine(Source, ModelFiles.Weights);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^100]);

        Refused<SafetensorsException>("it is truncated");
    }

    [Fact]
    public void A_folder_without_tokenizer_json_says_how_to_get_one()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        File.Delete(Path.Combine(Source, ModelFiles.Tokenizer));

        Refused<ModelException>("tokenizer.json: no such file. A version needs the tokenizer in this form");
    }

    [Fact]
    public void A_tokenizer_that_is_damaged_or_of_a_larger_vocabulary_is_refused()
    {
        HubFolder.Write(Source, TinyPolicy.Config);
        var size = TextTokenizer.Load(Source).VocabularySize;
        var small = TinyPolicy.Config with { VocabularySize = size - 1 };
        small.Write(Source);
        HubFolder.WriteWeights(Source, TinyPolicy.Weights(small, 1));
        Refused<ModelConfigException>($"vocab_size is {size - 1}, but tokenizer.json has {size} tokens: they are not of one model.");

        File.WriteAllText(Path.Combine(Source, ModelFiles.Tokenizer), "{}");
        Refused<TokenizerException>("tokenizer.json");
    }

    [Fact]
    public void Missing_folders_and_files_are_named()
    {
        Refused<ModelException>("checkpoint: no such folder");
        Directory.CreateDirectory(Source);
        Refused<ModelConfigException>("config.json: no such file.");
        TinyPolicy.Config.Write(Source);
        Refused<SafetensorsException>("model.safetensors: no such file.");
    }

    [Fact]
    public void A_name_that_is_none_is_refused()
    {
        HubFolder.Write(Source, TinyPolicy.Config);

        Assert.Throws<ModelException>(() => new ModelImport(_store).Run(Source, "../tiny", link: false));
        Assert.Throws<ModelException>(() => new ModelImport(_store).Run(Source, "tiny@3", link: false));
    }

    private ImportReport Import(bool link = false) => new ModelImport(_store).Run(Source, "tiny", link);

    private void Refused<T>(string reason)
        where T : Exception
    {
        var e = Assert.Throws<T>(() => Import());
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.StartsWith(Source, e.Message, StringComparison.Ordinal);
        Assert.Empty(_store.Names());
        Assert.False(Directory.Exists(_store.Root) && Directory.EnumerateFileSystemEntries(_store.Root, "*", SearchOption.AllDirectories).Any());
    }
}
