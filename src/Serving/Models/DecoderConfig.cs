using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// Shape of a Llama-family policy: the fields of a Hugging Face config.json that the graph and the trainer need. Immutable.
/// </summary>
public sealed record DecoderConfig
{
    /// <summary>Tokens in the vocabulary, V.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream, d.</summary>
    public required int HiddenSize { get; init; }

    public required int Layers { get; init; }

    /// <summary>Query heads per layer.</summary>
    public required int Heads { get; init; }

    /// <summary>Key/value heads per layer; divides <see cref="Heads"/> (grouped-query attention).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of one head.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Width of the gated feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Longest sequence, prompt and answer together, in tokens.</summary>
    public required int MaxPositions { get; init; }

    public double RopeTheta { get; init; } = 10_000;

    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The output projection is the transposed embedding, and there is no lm_head.weight.</summary>
    public bool TieEmbeddings { get; init; } = true;

    public int? BosTokenId { get; init; }

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Trainable parameters, the tied embedding counted once.</summary>
    public long Parameters
    {
        get
        {
            long d = HiddenSize;
            var attention = d * HeadDimension * (Heads + (2L * KeyValueHeads)) + ((long)Heads * HeadDimension * d);
            var layer = attention + (3 * d * IntermediateSize) + (2 * d);
            return (TieEmbeddings ? 1 : 2) * VocabularySize * d + (Layers * layer) + d;
        }
    }

    /// <summary>Reads config.json of <paramref name="folder"/>.</summary>
    /// <exception cref="ModelConfigException">A field is missing, unsupported or contradicts another.</exception>
    public static DecoderConfig Read(string folder)
    {
        var json = ConfigJson.Open(folder);
        json.Require("model_type", "llama");
        json.Require("hidden_act", "silu");
        json.RequireAbsent("rope_scaling");
        json.RequireFalse("attention_bias");
        json.RequireFalse("mlp_bias");
        var heads = json.Size("num_attention_heads");
        var hidden = json.Size("hidden_size");
        var vocabulary = json.Size("vocab_size");
        var head = json.SizeOr("head_dim", hidden / heads);
        if (!json.Has("head_dim") && hidden % heads != 0)
        {
            throw json.Error($"hidden_size ({hidden}) is not a multiple of num_attention_heads ({heads}), and there is no head_dim");
        }

        var config = new DecoderConfig
        {
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            Layers = json.Size("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = json.SizeOr("num_key_value_heads", heads),
            HeadDimension = head,
            IntermediateSize = json.Size("intermediate_size"),
            MaxPositions = json.Size("max_position_embeddings"),
            RopeTheta = Theta(json),
            NormEpsilon = json.NumberOr("rms_norm_eps", 1e-6),
            TieEmbeddings = json.FlagOr("tie_word_embeddings", false),
            BosTokenId = json.Ids("bos_token_id", vocabulary) is [var bos, ..] ? bos : null,
            EosTokenIds = json.Ids("eos_token_id", vocabulary),
        };
        if (config.Heads % config.KeyValueHeads != 0)
        {
            throw json.Error($"num_attention_heads ({config.Heads}) is not a multiple of num_key_value_heads ({config.KeyValueHeads})");
        }

        if (config.HeadDimension % 16 != 0)
        {
            throw json.Error($"head_dim ({config.HeadDimension}) is not a multiple of 16, which rotary attention needs");
        }

        return config;
    }

    /// <summary>Writes config.json with Hugging Face's field names.</summary>
    public void Write(string folder)
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = "llama",
            ["vocab_size"] = VocabularySize,
            ["hidden_size"] = HiddenSize,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KeyValueHeads,
            ["head_dim"] = HeadDimension,
            ["intermediate_size"] = IntermediateSize,
            ["max_position_embeddings"] = MaxPositions,
            ["hidden_act"] = "silu",
            ["rope_theta"] = RopeTheta,
            ["rms_norm_eps"] = NormEpsilon,
            ["tie_word_embeddings"] = TieEmbeddings,
            ["attention_bias"] = false,
            ["mlp_bias"] = false,
            ["torch_dtype"] = "float32",
            ["bos_token_id"] = BosTokenId,
            ["eos_token_id"] = new JsonArray([.. EosTokenIds.Select(id => (JsonNode)id)]),
        };
        File.WriteAllText(Path.Combine(folder, ModelFiles.Config), json.ToJsonString(JsonFile.Indented) + "\n");
    }

    /// <summary>transformers 5 moved rope_theta into rope_parameters; its rope_type must be the plain one.</summary>
    private static double Theta(ConfigJson json)
    {
        var parameters = json.Section("rope_parameters");
        if (parameters is null)
        {
            return json.NumberOr("rope_theta", 10_000);
        }

        parameters.Require("rope_type", "default");
        return parameters.NumberOr("rope_theta", 10_000);
    }
}
