using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>Shape of a BERT-family scorer with a classification head. Immutable.</summary>
public sealed record EncoderConfig
{
    private const string ModelType = "bert";

    public required int VocabularySize { get; init; }

    public required int HiddenSize { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int IntermediateSize { get; init; }

    /// <summary>Longest pair in tokens, markers included.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Segment embeddings: 2 in BERT, 4 when <see cref="MarksOverlap"/>.</summary>
    public int TypeVocabularySize { get; init; } = 2;

    public double NormEpsilon { get; init; } = 1e-12;

    /// <summary>Class names by index (id2label); one name = a scalar reward.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>
    /// token_type_ids also say whether the same token (apart from case and leading space) stands in the other segment: 0/1 = first segment
    /// (no/yes), 2/3 = second. An exact-match feature that a small encoder cannot learn by itself from few pairs.
    /// </summary>
    public bool MarksOverlap { get; init; }

    public int PadTokenId { get; init; }

    /// <summary>Width of one attention head.</summary>
    public int HeadDimension => HiddenSize / Heads;

    /// <summary>What packing and batching need.</summary>
    public ScorerConfig Scorer =>
        new(MarksOverlap ? PairPacking.Overlap : PairPacking.Segments, VocabularySize, MaxPositions, PadTokenId, Labels);

    /// <summary>Whether config.json of <paramref name="folder"/> is that of an encoder, sound or not.</summary>
    /// <exception cref="ModelConfigException">There is no such file, or it is not JSON.</exception>
    public static bool Matches(string folder) => ConfigJson.Open(folder).Is("model_type", ModelType);

    /// <summary>Reads config.json of <paramref name="folder"/>.</summary>
    /// <exception cref="ModelConfigException">A field is missing, unsupported or contradicts another.</exception>
    public static EncoderConfig Read(string folder)
    {
        var json = ConfigJson.Open(folder);
        json.Require("model_type", ModelType);
        json.Require("hidden_act", "gelu");
        if (json.Has("position_embedding_type"))
        {
            json.Require("position_embedding_type", "absolute");
        }

        var vocabulary = json.Size("vocab_size");
        var config = new EncoderConfig
        {
            VocabularySize = vocabulary,
            HiddenSize = json.Size("hidden_size"),
            Layers = json.Size("num_hidden_layers"),
            Heads = json.Size("num_attention_heads"),
            IntermediateSize = json.Size("intermediate_size"),
            MaxPositions = json.Size("max_position_embeddings"),
            TypeVocabularySize = json.SizeOr("type_vocab_size", 2),
            NormEpsilon = json.NumberOr("layer_norm_eps", 1e-12),
            Labels = json.Labels("id2label"),
            MarksOverlap = json.FlagOr("marks_overlap", false),
            PadTokenId = json.Ids("pad_token_id", vocabulary) is [var pad, ..] ? pad : 0,
        };
        if (config.HiddenSize % config.Heads != 0)
        {
            throw json.Error($"hidden_size ({config.HiddenSize}) is not a multiple of num_attention_heads ({config.Heads})");
        }

        if (config.TypeVocabularySize < 2)
        {
            throw json.Error("type_vocab_size must be at least 2: a pair has two segments");
        }

        if (config.MarksOverlap && config.TypeVocabularySize != 4)
        {
            throw json.Error($"marks_overlap needs type_vocab_size 4, not {config.TypeVocabularySize}");
        }

        return config;
    }

    /// <summary>Writes config.json with Hugging Face's field names.</summary>
    public void Write(string folder)
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray("BertForSequenceClassification"),
            ["model_type"] = ModelType,
            ["vocab_size"] = VocabularySize,
            ["hidden_size"] = HiddenSize,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["intermediate_size"] = IntermediateSize,
            ["max_position_embeddings"] = MaxPositions,
            ["type_vocab_size"] = TypeVocabularySize,
            ["hidden_act"] = "gelu",
            ["layer_norm_eps"] = NormEpsilon,
            ["id2label"] = ConfigJson.LabelMap(Labels),
            ["marks_overlap"] = MarksOverlap,
            ["pad_token_id"] = PadTokenId,
            ["torch_dtype"] = "float32",
        };
        File.WriteAllText(Path.Combine(folder, ModelFiles.Config), json.ToJsonString(JsonFile.Indented) + "\n");
    }
}
