using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;

namespace Serving.Testing;

/// <summary>
/// Writes small policy folders with seeded random weights: real config, tokenizer (that of <see cref="TinyScorer"/>), safetensors and graph.
/// The weights are large enough that the next token is neither certain nor uniform.
/// </summary>
public static class TinyPolicy
{
    public const int Bos = 1;
    public const int Eos = 2;

    internal const string ChatTemplate = "{{ bos_token }}{{ messages[-1]['content'] }}<sum>";

    /// <summary>2 layers, 64 wide, 4 query and 2 key/value heads, context of 128.</summary>
    public static DecoderConfig Config { get; } = new()
    {
        VocabularySize = 320,
        HiddenSize = 64,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 2,
        HeadDimension = 16,
        IntermediateSize = 96,
        MaxPositions = 128,
        BosTokenId = Bos,
        EosTokenIds = [Eos],
    };

    /// <summary>Publishes a version of a policy.</summary>
    public static ModelFolder Publish(ModelStore store, string name, DecoderConfig? config = null, int seed = 1) =>
        store.Publish(name, ModelKind.Policy, folder => Write(folder, config, seed));

    /// <summary>Writes config.json, tokenizer.json, tokenizer_config.json, model.safetensors and model.onnx.</summary>
    public static void Write(string folder, DecoderConfig? config = null, int seed = 1)
    {
        Directory.CreateDirectory(folder);
        config ??= Config;
        config.Write(folder);
        BytePairTrainer.Train([TinyScorer.Corpus], config.VocabularySize, TinyScorer.Specials).Write(folder, ChatTemplate);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), Weights(config, seed));
        DecoderGraph.Write(folder);
    }

    /// <summary>Hugging Face tensors of a config with seeded random values, in our own order. Biases are large enough that a missing one shows.</summary>
    public static IReadOnlyList<NamedTensor> Weights(DecoderConfig config, int seed)
    {
        var random = new Random(seed);
        var tensors = new List<NamedTensor>();
        int d = config.HiddenSize, inner = config.IntermediateSize, queries = config.Heads * config.HeadDimension;
        var keys = config.KeyValueHeads * config.HeadDimension;
        Matrix("model.embed_tokens", config.VocabularySize, d, 2 / Math.Sqrt(d));
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = $"model.layers.{i}.";
            Norm(layer + "input_layernorm", d);
            Dense(layer + "self_attn.q_proj", queries, d);
            Dense(layer + "self_attn.k_proj", keys, d);
            Dense(layer + "self_attn.v_proj", keys, d);
            if (config.Family == ModelFamily.Qwen2 || config.OutputBias)
            {
                Bias(layer + "self_attn.q_proj", queries);
                Bias(layer + "self_attn.k_proj", keys);
                Bias(layer + "self_attn.v_proj", keys);
            }

            if (config.Family == ModelFamily.Qwen3)
            {
                Norm(layer + "self_attn.q_norm", config.HeadDimension);
                Norm(layer + "self_attn.k_norm", config.HeadDimension);
            }

            Dense(layer + "self_attn.o_proj", d, queries);
            if (config.OutputBias)
            {
                Bias(layer + "self_attn.o_proj", d);
            }

            Norm(layer + "post_attention_layernorm", d);
            Dense(layer + "mlp.gate_proj", inner, d);
            Dense(layer + "mlp.up_proj", inner, d);
            Dense(layer + "mlp.down_proj", d, inner);
        }

        Norm("model.norm", d);
        if (!config.TieEmbeddings)
        {
            Matrix("lm_head", config.VocabularySize, d, 2 / Math.Sqrt(d));
        }

        return tensors;

        void Dense(string name, int rows, int columns) => Matrix(name, rows, columns, 1.2 / Math.Sqrt(columns));

        // Gemma stores what is added to 1.
        void Norm(string name, int width) =>
            tensors.Add(new NamedTensor(name + ".weight", [width], Values(width, config.Family == ModelFamily.Gemma ? 0 : 1, 0.2)));

        void Bias(string name, int rows) => tensors.Add(new NamedTensor(name + ".bias", [rows], Values(rows, 0, 0.5)));

        void Matrix(string name, int rows, int columns, double scale) =>
            tensors.Add(new NamedTensor(name + ".weight", [rows, columns], Values(rows * columns, 0, scale)));

        float[] Values(int count, double centre, double scale) =>
            [.. Enumerable.Range(0, count).Select(_ => (float)(centre + (scale * ((random.NextDouble() * 2) - 1) * Math.Sqrt(3))))];
    }
}
