namespace Serving.Models;

/// <summary>
/// Shape of a policy: the fields of a Hugging Face config.json that the graph and the trainer need. Immutable. What a family always has follows
/// from <see cref="Family"/>, so no combination can be built that no checkpoint has.
/// </summary>
public sealed record DecoderConfig
{
    public ModelFamily Family { get; init; } = ModelFamily.Llama;

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

    /// <summary>
    /// Longest sequence, prompt and answer together, in tokens. Of a model whose attention sees a window, at most that window: then nothing is
    /// ever out of sight, and full attention is exact.
    /// </summary>
    public required int MaxPositions { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Stretching of the rotary frequencies; null = none.</summary>
    public RopeScaling? RopeScaling { get; init; }

    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>What the gate of the feed-forward layer goes through.</summary>
    public Activation Activation { get; init; } = Activation.Silu;

    /// <summary>The query, key and value projections have biases (q_proj.bias, k_proj.bias, v_proj.bias).</summary>
    public bool AttentionBias => OutputBias || Family == ModelFamily.Qwen2;

    /// <summary>The output projection of attention has a bias (o_proj.bias), and so have the other three: attention_bias of every family but Qwen2.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Every query and key head is RMS-normed before rotation (q_norm.weight and k_norm.weight of <see cref="HeadDimension"/> values).</summary>
    public bool QueryKeyNorm => Family == ModelFamily.Qwen3;

    /// <summary>RMS norms multiply by 1 + w instead of w.</summary>
    public bool UnitOffsetNorm => Family == ModelFamily.Gemma;

    /// <summary>What embeddings are multiplied by before the first layer; the output projection is not.</summary>
    public double EmbeddingScale => Family == ModelFamily.Gemma ? Math.Sqrt(HiddenSize) : 1;

    /// <summary>The output projection is the transposed embedding, and there is no lm_head.weight.</summary>
    public bool TieEmbeddings { get; init; } = true;

    public int? BosTokenId { get; init; }

    /// <summary>Tokens that end an answer: those of config.json, then those that generation_config.json adds.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Trainable parameters, the tied embedding counted once.</summary>
    public long Parameters
    {
        get
        {
            long d = HiddenSize, queries = (long)Heads * HeadDimension, keys = (long)KeyValueHeads * HeadDimension;
            var attention = (d * (queries + (2 * keys))) + (queries * d);
            attention += AttentionBias ? queries + (2 * keys) : 0;
            attention += OutputBias ? d : 0;
            attention += QueryKeyNorm ? 2 * HeadDimension : 0;
            var layer = attention + (3 * d * IntermediateSize) + (2 * d);
            return ((TieEmbeddings ? 1 : 2) * VocabularySize * d) + (Layers * layer) + d;
        }
    }

    /// <summary>
    /// Radians per token of each of the hd/2 pairs of a head, scaling applied: theta^(-2i/hd) of pair i, which is elements i and i + hd/2.
    /// </summary>
    public double[] RotaryFrequencies()
    {
        var frequencies = new double[HeadDimension / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            var plain = Math.Pow(RopeTheta, -2.0 * i / HeadDimension);
            frequencies[i] = RopeScaling?.Scale(plain) ?? plain;
        }

        return frequencies;
    }

    /// <summary>Reads config.json of <paramref name="folder"/>, and the end tokens of generation_config.json when there is one.</summary>
    /// <exception cref="ModelConfigException">A field is missing, unsupported or contradicts another; the message names it and its value.</exception>
    public static DecoderConfig Read(string folder) => DecoderConfigJson.Read(folder);

    /// <summary>Writes config.json with Hugging Face's field names.</summary>
    /// <exception cref="ModelConfigException">The family has no field for something that is asked for (an output bias of Qwen2).</exception>
    public void Write(string folder) => DecoderConfigJson.Write(this, folder);
}
