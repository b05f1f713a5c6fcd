using Serving.Models;

namespace Serving.Testing;

/// <summary>
/// A decoder of every family written out in double precision, one whole sequence at a time and without a cache: what the graph must equal. Asks a
/// config for sizes and for the family only, and computes what follows from them itself.
/// </summary>
public sealed class DecoderReference(DecoderConfig config, IReadOnlyList<NamedTensor> weights)
{
    private readonly Dictionary<string, double[]> _weights =
        weights.ToDictionary(tensor => tensor.Name, tensor => tensor.Values.ToArray().Select(value => (double)value).ToArray());

    /// <summary>Logits at every position, [tokens, V].</summary>
    public double[][] Logits(IReadOnlyList<int> tokens)
    {
        var d = config.HiddenSize;
        var embedding = _weights["model.embed_tokens.weight"];
        var scale = config.Family == ModelFamily.Gemma ? Math.Sqrt(d) : 1;
        var hidden = tokens.Select(token => embedding[(token * d)..((token + 1) * d)].Select(value => value * scale).ToArray()).ToArray();
        for (var i = 0; i < config.Layers; i++)
        {
            var layer = $"model.layers.{i}.";
            var attended = Attend([.. hidden.Select(row => Norm(row, layer + "input_layernorm"))], layer + "self_attn.");
            hidden = [.. hidden.Select((row, position) =>
            {
                var mixed = Add(row, attended[position]);
                return Add(mixed, FeedForward(Norm(mixed, layer + "post_attention_layernorm"), layer + "mlp."));
            })];
        }

        return [.. hidden.Select(row => Dense(Norm(row, "model.norm"), config.TieEmbeddings ? "model.embed_tokens" : "lm_head", config.VocabularySize))];
    }

    /// <summary>log softmax of the logits.</summary>
    public static double[] LogProbs(double[] logits)
    {
        var top = logits.Max();
        var total = top + Math.Log(logits.Sum(logit => Math.Exp(logit - top)));
        return [.. logits.Select(logit => logit - total)];
    }

    private double[][] Attend(double[][] input, string prefix)
    {
        var width = config.HeadDimension;
        var queries = input.Select((row, position) => Rotate(Headwise(Dense(row, prefix + "q_proj", config.Heads * width), prefix + "q_norm"), position)).ToArray();
        var keys = input.Select((row, position) => Rotate(Headwise(Dense(row, prefix + "k_proj", config.KeyValueHeads * width), prefix + "k_norm"), position)).ToArray();
        var values = input.Select(row => Dense(row, prefix + "v_proj", config.KeyValueHeads * width)).ToArray();
        return [.. queries.Select((query, position) =>
        {
            var output = new double[config.Heads * width];
            for (var head = 0; head < config.Heads; head++)
            {
                var shared = head / (config.Heads / config.KeyValueHeads) * width;
                var scores = new double[position + 1];
                for (var other = 0; other <= position; other++)
                {
                    for (var i = 0; i < width; i++)
                    {
                        scores[other] += query[(head * width) + i] * keys[other][shared + i] / Math.Sqrt(width);
                    }
                }

                var logProbs = LogProbs(scores);
                for (var other = 0; other <= position; other++)
                {
                    for (var i = 0; i < width; i++)
                    {
                        output[(head * width) + i] += Math.Exp(logProbs[other]) * values[other][shared + i];
                    }
                }
            }

            return Dense(output, prefix + "o_proj", config.HiddenSize);
        })];
    }

    /// <summary>Hugging Face's rotary embedding: the first half of each head turns against the second.</summary>
    private double[] Rotate(double[] heads, int position)
    {
        var (width, half) = (config.HeadDimension, config.HeadDimension / 2);
        var rotated = new double[heads.Length];
        for (var start = 0; start < heads.Length; start += width)
        {
            for (var i = 0; i < half; i++)
            {
                var (sin, cos) = Math.SinCos(position * Frequency(i));
                var (first, second) = (heads[start + i], heads[start + half + i]);
                rotated[start + i] = (first * cos) - (second * sin);
                rotated[start + half + i] = (second * cos) + (first * sin);
            }
        }

        return rotated;
    }

    /// <summary>1/theta^(2i/hd), scaled as the papers of linear interpolation and of Llama 3.1 write it: by wavelengths.</summary>
    internal double Frequency(int pair)
    {
        var frequency = 1 / Math.Pow(config.RopeTheta, 2.0 * pair / config.HeadDimension);
        if (config.RopeScaling is not { } scaling)
        {
            return frequency;
        }

        var wavelength = 2 * Math.PI / frequency;
        var longest = scaling.OriginalMaxPositions / scaling.LowFrequencyFactor;
        var shortest = scaling.OriginalMaxPositions / scaling.HighFrequencyFactor;
        if (scaling.Kind == RopeScalingKind.Linear || wavelength > longest)
        {
            return frequency / scaling.Factor;
        }

        if (wavelength < shortest)
        {
            return frequency;
        }

        var smooth = ((scaling.OriginalMaxPositions / wavelength) - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return ((1 - smooth) * frequency / scaling.Factor) + (smooth * frequency);
    }

    /// <summary>Qwen3 norms each head by itself.</summary>
    private double[] Headwise(double[] heads, string name) =>
        config.Family == ModelFamily.Qwen3 ? [.. heads.Chunk(config.HeadDimension).SelectMany(head => Norm(head, name))] : heads;

    private double[] FeedForward(double[] input, string prefix)
    {
        var gate = Dense(input, prefix + "gate_proj", config.IntermediateSize);
        var up = Dense(input, prefix + "up_proj", config.IntermediateSize);
        return Dense([.. gate.Select((x, i) => Activate(x) * up[i])], prefix + "down_proj", config.HiddenSize);
    }

    private double Activate(double x) => config.Activation switch
    {
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        _ => EncoderReference.Gelu(x),
    };

    private double[] Norm(double[] input, string name)
    {
        var scale = _weights[name + ".weight"];
        var root = Math.Sqrt(input.Average(value => value * value) + config.NormEpsilon);
        var offset = config.Family == ModelFamily.Gemma ? 1 : 0;
        return [.. input.Select((value, i) => value / root * (offset + scale[i]))];
    }

    private double[] Dense(double[] input, string name, int rows)
    {
        var matrix = _weights[name + ".weight"];
        var output = _weights.TryGetValue(name + ".bias", out var bias) ? (double[])bias.Clone() : new double[rows];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < input.Length; i++)
            {
                output[row] += input[i] * matrix[(row * input.Length) + i];
            }
        }

        return output;
    }

    private static double[] Add(double[] left, double[] right) => [.. left.Zip(right, (a, b) => a + b)];
}
