using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class DecoderFamilyTests : IDisposable
{
    private static readonly RopeScaling _llama3 = new()
    {
        Kind = RopeScalingKind.Llama3,
        Factor = 32,
        LowFrequencyFactor = 1,
        HighFrequencyFactor = 4,
        OriginalMaxPositions = 8192,
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<DecoderConfig> Configs =>
    [
        TinyPolicy.Config,
        TinyPolicy.Config with { TieEmbeddings = false, OutputBias = true, RopeScaling = _llama3 },
        TinyPolicy.Config with { Family = ModelFamily.Mistral, TieEmbeddings = false },
        TinyPolicy.Config with { Family = ModelFamily.Qwen2, RopeScaling = new RopeScaling { Kind = RopeScalingKind.Linear, Factor = 2.5 } },
        TinyPolicy.Config with { Family = ModelFamily.Qwen3, HeadDimension = 32 },
        TinyPolicy.Config with { Family = ModelFamily.Qwen3, OutputBias = true, TieEmbeddings = false },
        TinyPolicy.Config with { Family = ModelFamily.Gemma, Activation = Activation.GeluTanh },
        TinyPolicy.Config with { Family = ModelFamily.Gemma, Activation = Activation.Gelu, TieEmbeddings = false },
    ];

    [Theory]
    [MemberData(nameof(Configs))]
    public void A_config_of_every_family_is_read_back_as_written(DecoderConfig config)
    {
        config.Write(_folder.Path);

        var read = DecoderConfig.Read(_folder.Path);

        Assert.Equal(config.EosTokenIds, read.EosTokenIds);
        Assert.Equal(config, read with { EosTokenIds = config.EosTokenIds });
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void Tensors_and_parameters_are_those_of_a_checkpoint(DecoderConfig config)
    {
        var weights = TinyPolicy.Weights(config, 1);

        Assert.Equal(weights.Select(tensor => (tensor.Name, string.Join(' ', tensor.Shape))), DecoderTensors.Of(config).Select(tensor => (tensor.Name, string.Join(' ', tensor.Shape))));
        Assert.Equal(weights.Sum(tensor => (long)tensor.Values.Length), config.Parameters);
    }

    [Fact]
    public void Qwen2_has_no_field_for_an_output_bias()
    {
        Assert.Throws<ModelConfigException>(() => (TinyPolicy.Config with { Family = ModelFamily.Qwen2, OutputBias = true }).Write(_folder.Path));
    }

    // The fields of the published configs of each family's well-known checkpoints.
    [Fact]
    public void Llama_3_2_is_read_with_its_scaling_and_all_its_end_tokens()
    {
        File.WriteAllText(_folder.File("generation_config.json"), """{"bos_token_id":128000,"do_sample":true,"eos_token_id":[128001,128008,128009],"top_p":0.9}""");

        var config = Read("""
            {"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,"eos_token_id":128009,"head_dim":64,
             "hidden_act":"silu","hidden_size":2048,"initializer_range":0.02,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,
             "model_type":"llama","num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,
             "rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},
             "rope_theta":500000.0,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,"vocab_size":128256}
            """);

        Assert.Equal((ModelFamily.Llama, 64, 131072, 500_000.0), (config.Family, config.HeadDimension, config.MaxPositions, config.RopeTheta));
        Assert.Equal(_llama3, config.RopeScaling);
        Assert.Equal([128009, 128001, 128008], config.EosTokenIds);
        Assert.Equal(1_235_814_400, config.Parameters);
        Assert.False(config.AttentionBias || config.OutputBias || config.QueryKeyNorm || config.UnitOffsetNorm);
    }

    [Theory]
    [InlineData("\"sliding_window\":4096,", 4096)]
    [InlineData("\"sliding_window\":null,", 32768)]
    [InlineData("", 4096)]
    public void Mistral_is_served_as_far_as_its_window_reaches(string window, int expected)
    {
        var config = Read($$"""
            {"architectures":["MistralForCausalLM"],"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,
             "max_position_embeddings":32768,"model_type":"mistral","num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,
             {{window}}"rms_norm_eps":1e-05,"rope_theta":10000.0,"tie_word_embeddings":false,"vocab_size":32000}
            """);

        Assert.Equal((ModelFamily.Mistral, 128, expected), (config.Family, config.HeadDimension, config.MaxPositions));
        Assert.Equal(7_241_732_096, config.Parameters);
    }

    [Theory]
    [InlineData("false", 32768)]
    [InlineData("true", 1024)]
    public void Qwen2_has_biases_and_a_window_only_when_it_uses_it(string uses, int positions)
    {
        var config = Read($$"""
            {"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,"hidden_act":"silu","hidden_size":896,
             "intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":21,"model_type":"qwen2","num_attention_heads":14,
             "num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":1024,
             "tie_word_embeddings":true,"use_sliding_window":{{uses}},"vocab_size":151936}
            """);

        Assert.Equal((ModelFamily.Qwen2, 64, positions), (config.Family, config.HeadDimension, config.MaxPositions));
        Assert.True(config.AttentionBias);
        Assert.False(config.OutputBias);
        Assert.Equal(494_032_768, config.Parameters);
    }

    [Fact]
    public void Qwen3_norms_its_heads_in_the_layout_of_transformers_5_too()
    {
        var config = Read("""
            {"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"bos_token_id":151643,"dtype":"bfloat16","eos_token_id":151645,"head_dim":128,
             "hidden_act":"silu","hidden_size":1024,"intermediate_size":3072,"layer_types":["full_attention","full_attention"],
             "max_position_embeddings":40960,"max_window_layers":28,"model_type":"qwen3","num_attention_heads":16,"num_hidden_layers":28,
             "num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_parameters":{"rope_theta":1000000,"rope_type":"default"},"sliding_window":null,
             "tie_word_embeddings":true,"use_sliding_window":false,"vocab_size":151936}
            """);

        Assert.Equal((ModelFamily.Qwen3, 128, 40960, 1e6), (config.Family, config.HeadDimension, config.MaxPositions, config.RopeTheta));
        Assert.True(config.QueryKeyNorm);
        Assert.Null(config.RopeScaling);
        Assert.Equal(596_049_920, config.Parameters);
    }

    [Theory]
    [InlineData("\"hidden_act\":\"gelu\",", Activation.GeluTanh)]
    [InlineData("\"hidden_act\":\"gelu_pytorch_tanh\",\"hidden_activation\":null,", Activation.GeluTanh)]
    [InlineData("\"hidden_act\":\"gelu\",\"hidden_activation\":\"gelu_pytorch_tanh\",", Activation.GeluTanh)]
    [InlineData("\"hidden_activation\":\"gelu\",", Activation.Gelu)]
    [InlineData("", Activation.GeluTanh)]
    public void Gemma_scales_its_embeddings_and_means_the_tanh_form(string activation, Activation expected)
    {
        var config = Read($$"""
            {"architectures":["GemmaForCausalLM"],"attention_bias":false,"bos_token_id":2,"eos_token_id":1,"head_dim":256,{{activation}}"hidden_size":2048,
             "intermediate_size":16384,"max_position_embeddings":8192,"model_type":"gemma","num_attention_heads":8,"num_hidden_layers":18,
             "num_key_value_heads":1,"pad_token_id":0,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":10000.0,"vocab_size":256000}
            """);

        Assert.Equal((ModelFamily.Gemma, expected, true, true), (config.Family, config.Activation, config.TieEmbeddings, config.UnitOffsetNorm));
        Assert.Equal(Math.Sqrt(2048), config.EmbeddingScale);
        Assert.Equal(2_506_172_416, config.Parameters);
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void Any_value_in_any_field_is_read_or_refused_by_the_one_exception(DecoderConfig config)
    {
        config.Write(_folder.Path);
        var text = File.ReadAllText(_folder.File("config.json"));
        string[] extra = ["sliding_window", "use_sliding_window", "layer_types", "rope_parameters", "rope_scaling", "hidden_activation", "partial_rotary_factor"];
        string[] values = ["null", "true", "-1", "0", "1", "17", "2147483648", "1e300", "0.5", "\"x\"", "[]", "[1]", "[null]", "{}", "{\"rope_type\":\"llama3\",\"factor\":[]}"];
        var refused = 0;
        foreach (var field in JsonNode.Parse(text)!.AsObject().Select(pair => pair.Key).Union(extra).ToArray())
        {
            foreach (var value in values)
            {
                var json = JsonNode.Parse(text)!.AsObject();
                json[field] = JsonNode.Parse(value);
                File.WriteAllText(_folder.File("config.json"), json.ToJsonString());
                try
                {
                    Assert.Equal(DecoderConfig.Read(_folder.Path).HeadDimension / 2, DecoderConfig.Read(_folder.Path).RotaryFrequencies().Length);
                }
                catch (ModelConfigException e)
                {
                    Assert.StartsWith(_folder.File("config.json"), e.Message, StringComparison.Ordinal);
                    refused++;
                }
            }
        }

        Assert.True(refused > 100, $"Only {refused} refused.");
    }

    [Fact]
    public void End_tokens_of_generation_config_are_held_to_the_vocabulary()
    {
        TinyPolicy.Config.Write(_folder.Path);
        File.WriteAllText(_folder.File("generation_config.json"), """{"eos_token_id":[2,320]}""");
        var outside = Assert.Throws<ModelConfigException>(() => DecoderConfig.Read(_folder.Path));
        Assert.Equal($"{_folder.File("generation_config.json")}: eos_token_id (2, 320) is not within the vocabulary of 320 tokens.", outside.Message);

        File.WriteAllText(_folder.File("generation_config.json"), "{");
        Assert.StartsWith(_folder.File("generation_config.json"), Assert.Throws<ModelConfigException>(() => DecoderConfig.Read(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Families_other_than_llama_must_state_their_key_heads()
    {
        (TinyPolicy.Config with { Family = ModelFamily.Qwen2 }).Write(_folder.Path);
        File.WriteAllText(_folder.File("config.json"), File.ReadAllText(_folder.File("config.json")).Replace("\"num_key_value_heads\": 2", "\"x\": 2", StringComparison.Ordinal));

        Assert.EndsWith("num_key_value_heads is missing.", Assert.Throws<ModelConfigException>(() => DecoderConfig.Read(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frequencies_fall_with_theta_and_are_stretched_by_their_wavelength()
    {
        var plain = TinyPolicy.Config with { HeadDimension = 64, RopeTheta = 500_000 };
        var frequencies = plain.RotaryFrequencies();
        Assert.Equal(32, frequencies.Length);
        Assert.Equal(1, frequencies[0]);
        Assert.Equal(Math.Pow(500_000, -62.0 / 64), frequencies[31], 1e-15);

        var linear = (plain with { RopeScaling = new RopeScaling { Kind = RopeScalingKind.Linear, Factor = 4 } }).RotaryFrequencies();
        Assert.Equal(frequencies.Select(frequency => frequency / 4), linear);

        // Llama 3.2: waves below 2048 tokens stay, those above 8192 are divided by 32, and between them nothing jumps.
        var scaled = (plain with { RopeScaling = _llama3 }).RotaryFrequencies();
        for (var i = 0; i < 32; i++)
        {
            var wavelength = 2 * Math.PI / frequencies[i];
            var shrunk = scaled[i] / frequencies[i];
            Assert.True(wavelength < 2048 ? shrunk == 1 : wavelength > 8192 ? Math.Abs(shrunk - (1 / 32.0)) < 1e-15 : shrunk is > 1 / 32.0 and < 1, $"pair {i}: {shrunk}");
        }
    }

    private DecoderConfig Read(string json)
    {
        File.WriteAllText(_folder.File("config.json"), json);
        return DecoderConfig.Read(_folder.Path);
    }
}
