using System.Numerics.Tensors;
using Serving.Onnx;

namespace Serving.Inference;

/// <summary>
/// Draws tokens from rows of logits: penalties and bias, the mask of a grammar, temperature, then top-k, top-p, min-p (the order of Hugging Face's warpers). A draw is a pure
/// function of the row, the parameters, the history and the uniform number. Not thread-safe: it owns scratch memory.
/// </summary>
internal sealed class Sampler(int vocabularySize) : IDisposable
{
    /// <summary>Below this a temperature means greedy: its inverse would overflow.</summary>
    public const float SmallestTemperature = 1e-5f;

    private const int BlockSize = 64;

    // Sums are taken here, never over the logits themselves: the order in which TensorPrimitives adds depends on how its input is aligned, and a
    // row's bits must not depend on which row of the batch it is.
    private readonly TensorBuffer<float> _weights = new(vocabularySize);
    private readonly double[] _blocks = new double[(vocabularySize + BlockSize - 1) / BlockSize];
    private readonly TokenFilter _filter = new(vocabularySize);
    private readonly float[] _adjusted = new float[vocabularySize];

    public int VocabularySize => vocabularySize;

    /// <summary>Draws one token; null when the logits are not finite numbers (a mask of minus infinity is allowed).</summary>
    /// <param name="logits">[V].</param>
    /// <param name="parameters">How to draw.</param>
    /// <param name="uniform">In [0, 1).</param>
    /// <param name="history">What penalties depend on; none without penalties.</param>
    /// <param name="mask">Tokens that may be drawn; null = all.</param>
    /// <param name="left">Tokens that may come behind this one; the mask asks for it.</param>
    public SampledToken? Draw(
        ReadOnlySpan<float> logits, SamplingParameters parameters, double uniform, TokenHistory? history = null, TokenMask? mask = null, int left = 0)
    {
        var top = TensorPrimitives.Max(logits);      // NaN when any is
        if (!float.IsFinite(top))
        {
            return null;
        }

        var modelTotal = Weigh(logits, top, 1f);
        var modelTop = top;
        var drawn = logits;
        var adjusts = parameters.Adjusts || mask is not null;
        if (adjusts)
        {
            drawn = Adjust(logits, parameters, history, mask, left);
            top = TensorPrimitives.Max(drawn);
            if (!float.IsFinite(top))
            {
                return null;         // everything is ruled out
            }
        }

        if (parameters.Temperature < SmallestTemperature)
        {
            var best = TensorPrimitives.IndexOfMax(drawn);
            return new SampledToken(best, LogProb((double)logits[best] - modelTop, modelTotal), 0f);
        }

        var total = parameters.Temperature == 1f && !adjusts ? modelTotal : Weigh(drawn, top, parameters.Temperature);
        if ((parameters.TopK > 0 && parameters.TopK < vocabularySize) || parameters.TopP < 1f || parameters.MinP > 0f)
        {
            _filter.Apply(_weights.First(vocabularySize), total, parameters.TopK, parameters.TopP, parameters.MinP);
            total = Total();
        }

        var token = Pick(uniform * total);
        return new SampledToken(
            token, LogProb((double)logits[token] - modelTop, modelTotal), LogProb(((double)drawn[token] - top) / parameters.Temperature, total));
    }

    /// <summary>The most probable tokens of a row under the model, best first, equal ones by the smaller id; the row is one that a token was drawn from.</summary>
    public TokenLogProb[] Top(ReadOnlySpan<float> logits, int count)
    {
        var top = TensorPrimitives.Max(logits);
        var total = Weigh(logits, top, 1f);
        var tokens = _filter.Best(_weights.First(vocabularySize), Math.Min(count, vocabularySize));
        var best = new TokenLogProb[tokens.Length];
        for (var i = 0; i < best.Length; i++)
        {
            best[i] = new TokenLogProb(tokens[i], LogProb((double)logits[tokens[i]] - top, total));
        }

        return best;
    }

    /// <summary>log p of each of <paramref name="tokens"/> under its row of logits [tokens, V]; false when a row is not finite.</summary>
    public bool TryLogProbs(ReadOnlySpan<float> logits, ReadOnlySpan<int> tokens, Span<float> logProbs)
    {
        for (var i = 0; i < tokens.Length; i++)
        {
            var row = logits.Slice(i * vocabularySize, vocabularySize);
            var top = TensorPrimitives.Max(row);
            if (!float.IsFinite(top))
            {
                return false;
            }

            logProbs[i] = LogProb((double)row[tokens[i]] - top, Weigh(row, top, 1f));
        }

        return true;
    }

    public void Dispose() => _weights.Dispose();

    private ReadOnlySpan<float> Adjust(ReadOnlySpan<float> logits, SamplingParameters parameters, TokenHistory? history, TokenMask? mask, int left)
    {
        logits.CopyTo(_adjusted);
        history?.Penalise(_adjusted, parameters);
        foreach (var (token, bias) in parameters.LogitBias)
        {
            _adjusted[token] += bias;
        }

        mask?.Apply(_adjusted, left);
        return _adjusted;
    }

    /// <summary>Never above 0: the vectorised exp of 0 may be one unit in the last place off 1.</summary>
    private static float LogProb(double distance, double total) => Math.Min(0f, (float)(distance - Math.Log(total)));

    /// <summary>Fills the weights with exp((logit - top) / temperature) and returns their sum.</summary>
    private double Weigh(ReadOnlySpan<float> logits, float top, float temperature)
    {
        var weights = _weights.First(vocabularySize);
        TensorPrimitives.Subtract(logits, top, weights);
        if (temperature != 1f)
        {
            TensorPrimitives.Divide(weights, temperature, weights);
        }

        TensorPrimitives.Exp(weights, weights);
        return Total();
    }

    /// <summary>Sums the weights block by block, fp32 within a block and double across.</summary>
    private double Total()
    {
        var weights = _weights.First(vocabularySize);
        var total = 0.0;
        for (var i = 0; i < _blocks.Length; i++)
        {
            var start = i * BlockSize;
            _blocks[i] = TensorPrimitives.Sum<float>(weights.Slice(start, Math.Min(BlockSize, vocabularySize - start)));
            total += _blocks[i];
        }

        return total;
    }

    /// <summary>The token at which the running sum of the weights passes <paramref name="target"/>: blocks first, then within one.</summary>
    private int Pick(double target)
    {
        var block = 0;
        var sum = 0.0;
        var last = 0;
        for (; block < _blocks.Length && sum + _blocks[block] <= target; block++)
        {
            sum += _blocks[block];
            last = _blocks[block] > 0 ? block : last;
        }

        // Rounding can carry the target past the end, of all blocks or of the one; then the last token with any weight is meant.
        if (block == _blocks.Length)
        {
            (block, target) = (last, double.PositiveInfinity);
        }

        var weights = _weights.First(vocabularySize);
        var token = -1;
        for (var i = block * BlockSize; i < Math.Min(vocabularySize, (block + 1) * BlockSize); i++)
        {
            if (weights[i] > 0)
            {
                token = i;
                sum += weights[i];
                if (sum > target)
                {
                    break;
                }
            }
        }

        return token;
    }
}
