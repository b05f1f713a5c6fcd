using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// Layout of a policy's config.json. Absent fields mean what they mean to Hugging Face's config class of the family; a field that would change the
/// computation in a way that we do not serve is refused, never ignored.
/// </summary>
internal static class DecoderConfigJson
{
    private const int HeadGranularity = 16;

    /// <summary>sliding_window of a Mistral or Qwen2 config that does not state it.</summary>
    private const int DefaultWindow = 4096;

    private static readonly (string Word, ModelFamily Value)[] _families =
    [
        ("llama", ModelFamily.Llama),
        ("mistral", ModelFamily.Mistral),
        ("qwen2", ModelFamily.Qwen2),
        ("qwen3", ModelFamily.Qwen3),
        ("gemma", ModelFamily.Gemma),
    ];

    private static readonly (string Word, Activation Value)[] _activations =
    [
        ("silu", Activation.Silu),
        ("gelu_pytorch_tanh", Activation.GeluTanh),
        ("gelu", Activation.Gelu),
    ];

    public static DecoderConfig Read(string folder)
    {
        var json = ConfigJson.Open(folder);
        var family = json.Choice("model_type", _families);
        RefuseUnsupported(json);
        var heads = json.Size("num_attention_heads");
        var hidden = json.Size("hidden_size");
        var vocabulary = json.Size("vocab_size");
        var config = new DecoderConfig
        {
            Family = family,
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            Layers = json.Size("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = family == ModelFamily.Llama ? json.SizeOr("num_key_value_heads", heads) : json.Size("num_key_value_heads"),
            HeadDimension = HeadDimension(json, family, hidden, heads),
            IntermediateSize = json.Size("intermediate_size"),
            MaxPositions = Math.Min(json.Size("max_position_embeddings"), Window(json, family) ?? int.MaxValue),
            RopeTheta = RopeFields.Theta(json),
            RopeScaling = RopeFields.Scaling(json),
            NormEpsilon = json.NumberOr("rms_norm_eps", 1e-6),
            Activation = ActivationOf(json, family),
            OutputBias = json.FlagOr("attention_bias", false) && family != ModelFamily.Qwen2,      // Qwen2's biases are not optional
            TieEmbeddings = json.FlagOr("tie_word_embeddings", family == ModelFamily.Gemma),
            BosTokenId = json.Ids("bos_token_id", vocabulary) is [var bos, ..] ? bos : null,
            EosTokenIds = EndTokens(json, folder, vocabulary),
        };
        if (config.Heads % config.KeyValueHeads != 0)
        {
            throw json.Error($"num_attention_heads ({config.Heads}) is not a multiple of num_key_value_heads ({config.KeyValueHeads})");
        }

        return config.HeadDimension % HeadGranularity == 0
            ? config
            : throw json.Error($"head_dim ({config.HeadDimension}) is not a multiple of {HeadGranularity}, which rotary attention needs");
    }

    public static void Write(DecoderConfig config, string folder) =>
        File.WriteAllText(Path.Combine(folder, ModelFiles.Config), ToJson(config, folder).ToJsonString(JsonFile.Indented) + "\n");

    /// <summary>What <see cref="Write"/> writes into <paramref name="folder"/>.</summary>
    public static JsonObject ToJson(DecoderConfig config, string folder)
    {
        var path = Path.Combine(folder, ModelFiles.Config);
        if (config.Family == ModelFamily.Qwen2 && config.OutputBias)
        {
            throw new ModelConfigException($"{path}: a qwen2 config cannot state an output bias; write it as another family.");
        }

        var activation = _activations.First(known => known.Value == config.Activation).Word;
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray($"{config.Family}ForCausalLM"),
            ["model_type"] = _families.First(known => known.Value == config.Family).Word,
            ["vocab_size"] = config.VocabularySize,
            ["hidden_size"] = config.HiddenSize,
            ["num_hidden_layers"] = config.Layers,
            ["num_attention_heads"] = config.Heads,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["head_dim"] = config.HeadDimension,
            ["intermediate_size"] = config.IntermediateSize,
            ["max_position_embeddings"] = config.MaxPositions,
            ["hidden_act"] = activation,
            ["rope_theta"] = config.RopeTheta,
            ["rms_norm_eps"] = config.NormEpsilon,
            ["tie_word_embeddings"] = config.TieEmbeddings,
            ["attention_bias"] = config.AttentionBias,
            ["mlp_bias"] = false,
            ["torch_dtype"] = "float32",
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = new JsonArray([.. config.EosTokenIds.Select(id => (JsonNode)id)]),
        };
        if (config.RopeScaling is { } scaling)
        {
            json["rope_scaling"] = RopeFields.Write(scaling);
        }

        switch (config.Family)
        {
            case ModelFamily.Mistral:
                json["sliding_window"] = null;                  // said, since an absent one means 4096
                break;
            case ModelFamily.Qwen2 or ModelFamily.Qwen3:
                json["use_sliding_window"] = false;
                break;
            case ModelFamily.Gemma:
                json["hidden_activation"] = activation;         // transformers reads this one and takes hidden_act for an old mistake
                break;
        }

        return json;
    }

    private static void RefuseUnsupported(ConfigJson json)
    {
        json.RequireFalse("mlp_bias");
        json.RequireFalse("use_bidirectional_attention");
        json.RequireAbsent("quantization_config");
        RopeFields.RefusePartial(json);
    }

    private static int HeadDimension(ConfigJson json, ModelFamily family, int hidden, int heads)
    {
        if (!json.Has("head_dim") && family is ModelFamily.Qwen3 or ModelFamily.Gemma)
        {
            return json.SizeOr("head_dim", family == ModelFamily.Gemma ? 256 : 128);
        }

        return json.Has("head_dim") || hidden % heads == 0
            ? json.SizeOr("head_dim", hidden / heads)
            : throw json.Error($"hidden_size ({hidden}) is not a multiple of num_attention_heads ({heads}), and there is no head_dim");
    }

    /// <summary>How many tokens attention sees; null = all.</summary>
    private static int? Window(ConfigJson json, ModelFamily family)
    {
        int? window = family switch
        {
            ModelFamily.Mistral when json.Has("sliding_window") => json.Size("sliding_window"),
            ModelFamily.Mistral => json.Contains("sliding_window") ? null : DefaultWindow,
            ModelFamily.Qwen2 or ModelFamily.Qwen3 when json.FlagOr("use_sliding_window", false) => json.SizeOr("sliding_window", DefaultWindow),
            _ => null,
        };
        var known = window is null ? (string[])["full_attention"] : ["full_attention", "sliding_attention"];
        var other = json.Texts("layer_types").FirstOrDefault(type => !known.Contains(type));
        return other is null ? window : throw json.Error($"layer_types: \"{other}\" is not supported; supported here: {string.Join(" and ", known)}");
    }

    /// <summary>
    /// Gemma names its activation in hidden_activation. Its first configs have hidden_act "gelu" only, and transformers computes the tanh form for
    /// them, as the model was trained.
    /// </summary>
    private static Activation ActivationOf(ConfigJson json, ModelFamily family)
    {
        if (family != ModelFamily.Gemma)
        {
            return json.Choice("hidden_act", _activations);
        }

        return json.Has("hidden_activation") ? json.Choice("hidden_activation", _activations)
            : !json.Has("hidden_act") || json.Choice("hidden_act", _activations) == Activation.Gelu ? Activation.GeluTanh
            : json.Choice("hidden_act", _activations);
    }

    /// <summary>Chat models often end a turn with a token that only generation_config.json names.</summary>
    private static IReadOnlyList<int> EndTokens(ConfigJson json, string folder, int vocabulary)
    {
        const string Field = "eos_token_id";
        var more = ConfigJson.OpenIfPresent(folder, ModelFiles.GenerationConfig)?.Ids(Field, vocabulary) ?? [];
        return [.. json.Ids(Field, vocabulary).Union(more)];
    }
}
