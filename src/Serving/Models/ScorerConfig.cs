namespace Serving.Models;

/// <summary>How a scorer model wants source and answer laid out in a row.</summary>
public enum PairPacking
{
    /// <summary>&lt;s&gt; source &lt;/s&gt; answer &lt;/s&gt;, typed by segment.</summary>
    Segments,

    /// <summary>The same row, typed by segment and overlap.</summary>
    Overlap,

    /// <summary>&lt;s&gt; source &lt;sum&gt; answer &lt;/s&gt; &lt;s&gt; &lt;sum&gt; answer &lt;/s&gt;: the answer with its source and without.</summary>
    Likelihood,
}

/// <summary>What packing and batching need to know of a scorer of either kind. Immutable.</summary>
/// <param name="Packing">Layout of a row.</param>
/// <param name="VocabularySize">Token ids lie below it.</param>
/// <param name="MaxPositions">Longest row in tokens, markers included.</param>
/// <param name="PadTokenId">What fills a row up.</param>
/// <param name="Labels">Class names by index; one name = a scalar reward.</param>
public sealed record ScorerConfig(PairPacking Packing, int VocabularySize, int MaxPositions, int PadTokenId, IReadOnlyList<string> Labels)
{
    /// <summary>Whether config.json of <paramref name="folder"/> is that of a scorer, sound or not.</summary>
    /// <exception cref="ModelConfigException">There is no such file, or it is not JSON.</exception>
    public static bool Matches(string folder) => LikelihoodConfig.Matches(folder) || EncoderConfig.Matches(folder);

    /// <summary>Reads config.json of <paramref name="folder"/>, be it an encoder's or a likelihood scorer's.</summary>
    /// <exception cref="ModelConfigException">A field is missing, unsupported or contradicts another.</exception>
    public static ScorerConfig Read(string folder) =>
        LikelihoodConfig.Matches(folder) ? LikelihoodConfig.Read(folder).Scorer : EncoderConfig.Read(folder).Scorer;
}
