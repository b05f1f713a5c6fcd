namespace Serving.Models;

/// <summary>Every tensor that a likelihood scorer's checkpoint must hold. What it holds besides is of no concern.</summary>
public static class LikelihoodTensors
{
    /// <summary>Weights of the layer over the tokens of an answer, [m, 2 d + 6].</summary>
    public const string Token = "score.token";

    /// <summary>Weights of the layer over the answer, [m, 2 m + 5].</summary>
    public const string Answer = "score.answer";

    /// <summary>Weights of the labels, [labels, 3 m + 5].</summary>
    public const string Label = "score.label";

    /// <summary>The decoder's, then the head's.</summary>
    public static IEnumerable<RequiredTensor> Of(LikelihoodConfig config) =>
    [
        .. DecoderTensors.Of(config.Decoder),
        new(Token + ".weight", config.HeadSize, config.TokenWidth),
        new(Token + ".bias", config.HeadSize),
        new(Answer + ".weight", config.HeadSize, config.AnswerWidth),
        new(Answer + ".bias", config.HeadSize),
        new(Label + ".weight", config.Labels.Count, config.LabelWidth),
        new(Label + ".bias", config.Labels.Count),
    ];
}
