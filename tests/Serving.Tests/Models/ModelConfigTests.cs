using System.Text;
using System.Text.Json.Nodes;
using Serving.Models;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Models;

public sealed class ModelConfigTests : IDisposable
{
    private const string Llama = """
        {"model_type":"llama","hidden_act":"silu","vocab_size":100,"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,
         "intermediate_size":96,"max_position_embeddings":128,"eos_token_id":2}
        """;

    private const string Bert = """
        {"model_type":"bert","hidden_act":"gelu","vocab_size":100,"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,
         "intermediate_size":96,"max_position_embeddings":128,"id2label":{"0":"reward"}}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_decoder_config_is_read_back_as_written()
    {
        var written = new DecoderConfig
        {
            VocabularySize = 4096,
            HiddenSize = 192,
            Layers = 4,
            Heads = 6,
            KeyValueHeads = 2,
            HeadDimension = 48,
            IntermediateSize = 512,
            MaxPositions = 384,
            RopeTheta = 50_000.5,
            NormEpsilon = 1e-6,
            TieEmbeddings = false,
            BosTokenId = 1,
            EosTokenIds = [2, 3],
        };
        written.Write(_folder.Path);

        var read = DecoderConfig.Read(_folder.Path);

        Assert.Equal([2, 3], read.EosTokenIds);
        Assert.Equal(written, read with { EosTokenIds = written.EosTokenIds });
    }

    [Fact]
    public void An_encoder_config_is_read_back_as_written()
    {
        var written = new EncoderConfig
        {
            VocabularySize = 4096,
            HiddenSize = 128,
            Layers = 3,
            Heads = 4,
            IntermediateSize = 256,
            MaxPositions = 320,
            TypeVocabularySize = 4,
            NormEpsilon = 1e-5,
            Labels = ["not_entailment", "entailment"],
            MarksOverlap = true,
            PadTokenId = 7,
        };
        written.Write(_folder.Path);

        var read = EncoderConfig.Read(_folder.Path);

        Assert.Equal(["not_entailment", "entailment"], read.Labels);
        Assert.Equal(written, read with { Labels = written.Labels });
    }

    [Fact]
    public void Absent_fields_of_a_decoder_have_hugging_face_defaults()
    {
        Put(Llama);

        var config = DecoderConfig.Read(_folder.Path);

        Assert.Equal(4, config.KeyValueHeads);
        Assert.Equal(16, config.HeadDimension);
        Assert.Equal(10_000, config.RopeTheta);
        Assert.Equal(1e-6, config.NormEpsilon);
        Assert.False(config.TieEmbeddings);
        Assert.Null(config.BosTokenId);
        Assert.Equal([2], config.EosTokenIds);
    }

    [Fact]
    public void Absent_fields_of_an_encoder_have_hugging_face_defaults()
    {
        Put(Bert);

        var config = EncoderConfig.Read(_folder.Path);

        Assert.Equal(2, config.TypeVocabularySize);
        Assert.Equal(1e-12, config.NormEpsilon);
        Assert.Equal(0, config.PadTokenId);
        Assert.False(config.MarksOverlap);
        Assert.Equal(16, config.HeadDimension);
    }

    [Theory]
    [InlineData("rope_theta", "5000.0", 5000)]
    [InlineData("rope_parameters", """{"rope_type":"default","rope_theta":2500}""", 2500)]
    public void Rope_theta_is_found_in_both_places(string field, string value, double expected)
    {
        Put(Llama, field, value);

        Assert.Equal(expected, DecoderConfig.Read(_folder.Path).RopeTheta);
    }

    [Fact]
    public void Parameters_are_those_of_the_tensors()
    {
        // One layer, d = 4, two query heads and one key/value head of width 3, feed-forward 5, vocabulary 7:
        // q 6x4, k and v 3x4 each, o 4x6, gate and up 5x4 each, down 4x5, two norms, the last norm, one embedding.
        var config = new DecoderConfig
        {
            VocabularySize = 7,
            HiddenSize = 4,
            Layers = 1,
            Heads = 2,
            KeyValueHeads = 1,
            HeadDimension = 3,
            IntermediateSize = 5,
            MaxPositions = 8,
        };

        Assert.Equal(24 + 12 + 12 + 24 + 20 + 20 + 20 + 4 + 4 + 4 + 28, config.Parameters);
        Assert.Equal(config.Parameters + 28, (config with { TieEmbeddings = false }).Parameters);
    }

    [Theory]
    [InlineData("model_type", "\"gpt2\"", "model_type is \"gpt2\"; supported are llama, mistral, qwen2, qwen3 and gemma.")]
    [InlineData("model_type", "\"gemma2\"", "model_type is \"gemma2\"; supported are")]
    [InlineData("model_type", "\"gemma3_text\"", "model_type is \"gemma3_text\"; supported are")]
    [InlineData("model_type", "\"qwen3_moe\"", "model_type is \"qwen3_moe\"; supported are")]
    [InlineData("model_type", "null", "model_type is missing; supported are llama")]
    [InlineData("hidden_act", "\"relu\"", "hidden_act is \"relu\"; supported are silu, gelu_pytorch_tanh and gelu.")]
    [InlineData("hidden_act", "5", "hidden_act is 5; supported are")]
    [InlineData("hidden_act", "null", "hidden_act is missing; supported are")]
    [InlineData("attention_bias", "\"yes\"", "attention_bias must be true or false.")]
    [InlineData("layer_types", """["full_attention","linear_attention"]""", "layer_types: \"linear_attention\" is not supported; supported here: full_attention.")]
    [InlineData("layer_types", """["sliding_attention"]""", "layer_types: \"sliding_attention\" is not supported")]
    [InlineData("layer_types", "5", "layer_types must be a list of texts.")]
    [InlineData("quantization_config", """{"quant_method":"gptq","bits":4}""", """quantization_config ({"quant_method":"gptq","bits":4}) is not supported.""")]
    [InlineData("use_bidirectional_attention", "true", "use_bidirectional_attention: true is not supported.")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; only 1 is supported.")]
    [InlineData("rope_parameters", """{"partial_rotary_factor":0.25}""", "rope_parameters: partial_rotary_factor is 0.25; only 1 is supported.")]
    [InlineData("rope_parameters", """{"rope_type":"yarn"}""", "rope_parameters: rope_type is \"yarn\"; supported are default, linear and llama3.")]
    [InlineData("rope_parameters", """{"full_attention":{"rope_theta":1}}""", "rope_parameters: full_attention ({\"rope_theta\":1}) is not supported.")]
    [InlineData("rope_parameters", "[]", "rope_parameters must be an object.")]
    [InlineData("rope_scaling", """{"type":"dynamic","factor":2}""", "rope_scaling: type is \"dynamic\"; supported are default, linear and llama3.")]
    [InlineData("rope_scaling", """{"rope_type":"longrope"}""", "rope_scaling: rope_type is \"longrope\"; supported are")]
    [InlineData("rope_scaling", """{"factor":2}""", "rope_scaling: rope_type is missing; supported are")]
    [InlineData("rope_scaling", """{"type":"linear"}""", "rope_scaling: factor is missing.")]
    [InlineData("rope_scaling", """{"type":"linear","factor":0.5}""", "rope_scaling: factor (0.5) is less than 1.")]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":8,"low_freq_factor":1}""", "rope_scaling: high_freq_factor is missing.")]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":64}""",
        "rope_scaling: high_freq_factor (4) is not larger than low_freq_factor (4).")]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4}""",
        "rope_scaling: original_max_position_embeddings is missing.")]
    [InlineData("mlp_bias", "true", "mlp_bias: true is not supported.")]
    [InlineData("mlp_bias", "\"no\"", "mlp_bias must be true or false.")]
    [InlineData("vocab_size", "null", "vocab_size is missing.")]
    [InlineData("vocab_size", "0", "vocab_size must be a whole number from 1 to 16777216.")]
    [InlineData("vocab_size", "-4", "vocab_size must be a whole number")]
    [InlineData("vocab_size", "4.5", "vocab_size must be a whole number")]
    [InlineData("vocab_size", "\"100\"", "vocab_size must be a whole number")]
    [InlineData("vocab_size", "99999999999", "vocab_size must be a whole number")]
    [InlineData("num_hidden_layers", "[]", "num_hidden_layers must be a whole number")]
    [InlineData("num_key_value_heads", "3", "num_attention_heads (4) is not a multiple of num_key_value_heads (3).")]
    [InlineData("num_attention_heads", "128", "hidden_size (64) is not a multiple of num_attention_heads (128), and there is no head_dim.")]
    [InlineData("num_attention_heads", "3", "hidden_size (64) is not a multiple of num_attention_heads (3)")]
    [InlineData("num_attention_heads", "8", "head_dim (8) is not a multiple of 16, which rotary attention needs.")]
    [InlineData("rope_theta", "0", "rope_theta must be a positive number.")]
    [InlineData("rope_theta", "1e999", "rope_theta must be a positive number.")]
    [InlineData("rms_norm_eps", "-1e-6", "rms_norm_eps must be a positive number.")]
    [InlineData("rms_norm_eps", "\"x\"", "rms_norm_eps must be a positive number.")]
    [InlineData("eos_token_id", "\"</s>\"", "eos_token_id must be a token id or a list of token ids.")]
    [InlineData("eos_token_id", "[2,null]", "eos_token_id must be a token id or a list of token ids.")]
    [InlineData("eos_token_id", "[2,100]", "eos_token_id (2, 100) is not within the vocabulary of 100 tokens.")]
    [InlineData("bos_token_id", "-1", "bos_token_id (-1) is not within the vocabulary of 100 tokens.")]
    [InlineData("tie_word_embeddings", "1", "tie_word_embeddings must be true or false.")]
    public void A_decoder_config_that_cannot_be_served_is_refused_with_the_field(string field, string value, string reason)
    {
        Put(Llama, field, value);

        AssertRefused(() => DecoderConfig.Read(_folder.Path), reason);
    }

    [Theory]
    [InlineData("model_type", "\"roberta\"", "model_type is \"roberta\"; only \"bert\" is supported.")]
    [InlineData("hidden_act", "\"relu\"", "hidden_act is \"relu\"; only \"gelu\" is supported.")]
    [InlineData("num_attention_heads", "5", "hidden_size (64) is not a multiple of num_attention_heads (5).")]
    [InlineData("id2label", "null", "id2label is missing: it names the classes.")]
    [InlineData("id2label", "{}", "id2label is missing: it names the classes.")]
    [InlineData("id2label", """{"0":"a","2":"b"}""", "id2label must name the classes 0 to 1.")]
    [InlineData("id2label", """{"0":1}""", "id2label must name the classes 0 to 0.")]
    [InlineData("marks_overlap", "true", "marks_overlap needs type_vocab_size 4, not 2.")]
    [InlineData("type_vocab_size", "1", "type_vocab_size must be at least 2: a pair has two segments.")]
    [InlineData("pad_token_id", "100", "pad_token_id (100) is not within the vocabulary of 100 tokens.")]
    [InlineData("max_position_embeddings", "0", "max_position_embeddings must be a whole number")]
    public void An_encoder_config_that_cannot_be_served_is_refused_with_the_field(string field, string value, string reason)
    {
        Put(Bert, field, value);

        AssertRefused(() => EncoderConfig.Read(_folder.Path), reason);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("{\"model_type\":", "not valid JSON")]
    [InlineData("[]", "expected a JSON object.")]
    [InlineData("null", "expected a JSON object.")]
    [InlineData("{\"vocab_size\":1,\"vocab_size\":2}", "not valid JSON")]
    [InlineData("{\"rope_parameters\":{\"a\":1,\"a\":2}}", "not valid JSON")]
    [InlineData("{\"hidden_act\":\"\\ud800\"}", "not valid JSON")]
    public void A_broken_file_is_refused(string text, string reason)
    {
        File.WriteAllText(_folder.File("config.json"), text);

        AssertRefused(() => DecoderConfig.Read(_folder.Path), reason);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused()
    {
        File.WriteAllBytes(_folder.File("config.json"), [.. Encoding.ASCII.GetBytes("{\"hidden_act\":\""), 0xFF, .. Encoding.ASCII.GetBytes("\"}")]);

        AssertRefused(() => DecoderConfig.Read(_folder.Path), "not valid JSON");
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        AssertRefused(() => EncoderConfig.Read(_folder.Path), "no such file.");
    }

    private void AssertRefused(Action read, string reason)
    {
        var e = Assert.Throws<ModelConfigException>(read);
        Assert.StartsWith(_folder.File("config.json"), e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    private void Put(string config, string? field = null, string value = "null")
    {
        var json = JsonNode.Parse(config)!;
        var text = json.ToJsonString();
        if (field is not null)
        {
            json.AsObject().Remove(field);
            text = json.ToJsonString()[..^1] + $",\"{field}\":{value}}}";          // as text: values like 1e999 cannot be held by a node
        }

        File.WriteAllText(_folder.File("config.json"), text);
    }
}
