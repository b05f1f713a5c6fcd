using System.Text.Json.Nodes;

namespace Serving.Models;

/// <summary>
/// Shape of a likelihood scorer: a decoder, and a head that reads how likely every token of an answer is with and without the source. Immutable.
/// The model: docs/formats.md.
/// </summary>
public sealed record LikelihoodConfig
{
    /// <summary>What log-probabilities are multiplied by where they stand beside hidden states.</summary>
    public const float LogProbScale = 0.1f;

    /// <summary>
    /// Per token beside two hidden states: log p with the source, without it, their difference, the first two again where the token stands in the source
    /// (how much of the answer's information it holds), and whether it does.
    /// </summary>
    public const int TokenFeatures = 6;

    /// <summary>Per answer beside the pooled tokens: mean and least log p with the source, mean and least difference, share of tokens in the source.</summary>
    public const int AnswerFeatures = 5;

    private const string Architecture = "LikelihoodScorer";
    private const string Entailment = "entailment";

    public required DecoderConfig Decoder { get; init; }

    /// <summary>Class names by index (id2label): one = a scalar reward, or several, one of which is "entailment".</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Width of the head's two layers, over tokens and over the answer, m.</summary>
    public int HeadSize { get; init; } = 128;

    public int PadTokenId { get; init; }

    /// <summary>Values that the head reads per token of an answer.</summary>
    public int TokenWidth => (2 * Decoder.HiddenSize) + TokenFeatures;

    /// <summary>Values that the head reads per answer.</summary>
    public int AnswerWidth => (2 * HeadSize) + AnswerFeatures;

    /// <summary>Values that a label is a weighted sum of: those of the answer, and the layer over them.</summary>
    public int LabelWidth => AnswerWidth + HeadSize;

    /// <summary>What packing and batching need.</summary>
    public ScorerConfig Scorer => new(PairPacking.Likelihood, Decoder.VocabularySize, Decoder.MaxPositions, PadTokenId, Labels);

    /// <summary>The label whose logit grows with likelihood: that of "entailment", or the only one.</summary>
    public int FavouredLabel => Labels.Count == 1 ? 0 : Labels.ToList().FindIndex(IsEntailment);

    /// <summary>Whether config.json of <paramref name="folder"/> is that of a likelihood scorer, sound or not.</summary>
    /// <exception cref="ModelConfigException">There is no such file, or it is not JSON.</exception>
    public static bool Matches(string folder) => ConfigJson.Open(folder).Lists("architectures", Architecture);

    /// <summary>Reads config.json of <paramref name="folder"/>.</summary>
    /// <exception cref="ModelConfigException">A field is missing, unsupported or contradicts another.</exception>
    public static LikelihoodConfig Read(string folder)
    {
        var json = ConfigJson.Open(folder);
        if (!json.Lists("architectures", Architecture))
        {
            throw json.Error($"architectures does not name \"{Architecture}\", so this is no likelihood scorer");
        }

        var decoder = DecoderConfig.Read(folder);
        var labels = json.Labels("id2label");
        return labels.Count == 1 || labels.Any(IsEntailment)
            ? new LikelihoodConfig
            {
                Decoder = decoder,
                Labels = labels,
                HeadSize = json.Size("head_size"),
                PadTokenId = json.Ids("pad_token_id", decoder.VocabularySize) is [var pad, ..] ? pad : 0,
            }
            : throw json.Error($"id2label names {string.Join(", ", labels)}; a likelihood scorer has one label (a reward) or several with \"{Entailment}\"");
    }

    /// <summary>Writes config.json: the decoder's fields and the head's.</summary>
    /// <exception cref="ModelConfigException">The decoder's family has no field for something that is asked for.</exception>
    public void Write(string folder)
    {
        var json = DecoderConfigJson.ToJson(Decoder, folder);
        json["architectures"] = new JsonArray(Architecture);
        json["id2label"] = ConfigJson.LabelMap(Labels);
        json["head_size"] = HeadSize;
        json["pad_token_id"] = PadTokenId;
        File.WriteAllText(Path.Combine(folder, ModelFiles.Config), json.ToJsonString(JsonFile.Indented) + "\n");
    }

    private static bool IsEntailment(string label) => label.Equals(Entailment, StringComparison.OrdinalIgnoreCase);
}
