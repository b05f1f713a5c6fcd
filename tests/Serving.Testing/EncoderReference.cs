using Serving.Models;

namespace Serving.Testing;

/// <summary>BERT pair classification written out in double precision, one pair at a time and without padding: what the graph must equal.</summary>
public sealed class EncoderReference(EncoderConfig config, IReadOnlyList<NamedTensor> weights)
{
    private readonly Dictionary<string, double[]> _weights =
        weights.ToDictionary(tensor => tensor.Name, tensor => tensor.Values.ToArray().Select(value => (double)value).ToArray());

    /// <summary>Logits of one unpadded pair.</summary>
    public double[] Logits(IReadOnlyList<int> ids, IReadOnlyList<int> types)
    {
        var words = _weights["bert.embeddings.word_embeddings.weight"];
        var positions = _weights["bert.embeddings.position_embeddings.weight"];
        var segments = _weights["bert.embeddings.token_type_embeddings.weight"];
        var d = config.HiddenSize;
        var hidden = ids.Select((id, position) => Normalise(
            [.. Enumerable.Range(0, d).Select(i => words[(id * d) + i] + positions[(position * d) + i] + segments[(types[position] * d) + i])],
            "bert.embeddings.LayerNorm")).ToArray();
        for (var layer = 0; layer < config.Layers; layer++)
        {
            hidden = Layer(hidden, $"bert.encoder.layer.{layer}.");
        }

        return Dense([.. Dense(hidden[0], "bert.pooler.dense").Select(Math.Tanh)], "classifier");
    }

    private double[][] Layer(double[][] hidden, string layer)
    {
        var queries = hidden.Select(row => Dense(row, layer + "attention.self.query")).ToArray();
        var keys = hidden.Select(row => Dense(row, layer + "attention.self.key")).ToArray();
        var values = hidden.Select(row => Dense(row, layer + "attention.self.value")).ToArray();
        var width = config.HeadDimension;
        return [.. hidden.Select((row, position) =>
        {
            var attended = new double[config.HiddenSize];
            for (var head = 0; head < config.Heads; head++)
            {
                var from = head * width;
                var scores = keys.Select(key => Enumerable.Range(from, width).Sum(i => queries[position][i] * key[i]) / Math.Sqrt(width)).ToArray();
                var largest = scores.Max();
                var shares = scores.Select(score => Math.Exp(score - largest)).ToArray();
                for (var i = from; i < from + width; i++)
                {
                    attended[i] = shares.Select((share, other) => share * values[other][i]).Sum() / shares.Sum();
                }
            }

            var mixed = Normalise(Add(row, Dense(attended, layer + "attention.output.dense")), layer + "attention.output.LayerNorm");
            var inner = Dense(mixed, layer + "intermediate.dense").Select(Gelu).ToArray();
            return Normalise(Add(mixed, Dense(inner, layer + "output.dense")), layer + "output.LayerNorm");
        })];
    }

    private double[] Dense(double[] input, string name)
    {
        var matrix = _weights[name + ".weight"];
        var output = (double[])_weights[name + ".bias"].Clone();
        for (var row = 0; row < output.Length; row++)
        {
            for (var i = 0; i < input.Length; i++)
            {
                output[row] += input[i] * matrix[(row * input.Length) + i];
            }
        }

        return output;
    }

    private double[] Normalise(double[] input, string name)
    {
        var mean = input.Average();
        var deviation = Math.Sqrt(input.Average(value => (value - mean) * (value - mean)) + config.NormEpsilon);
        return [.. input.Select((value, i) => ((value - mean) / deviation * _weights[name + ".weight"][i]) + _weights[name + ".bias"][i])];
    }

    private static double[] Add(double[] left, double[] right) => [.. left.Zip(right, (a, b) => a + b)];

    internal static double Gelu(double x) => x * 0.5 * (1 + Erf(x / Math.Sqrt(2)));

    /// <summary>Abramowitz and Stegun 7.1.6: a series of positive terms, so nothing cancels.</summary>
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 6)
        {
            return Math.Sign(x);
        }

        var (term, sum) = (x, x);
        for (var n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }
}
