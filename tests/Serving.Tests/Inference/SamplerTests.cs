using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class SamplerTests
{
    private const int Vocabulary = 333;       // not a multiple of any vector or block

    [Fact]
    public void Greedy_takes_the_first_of_the_most_probable_tokens()
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(1, 1);
        logits[40] = logits[200] = 9;

        var sampled = sampler.Draw(logits, new SamplingParameters { Temperature = 0 }, 0.99)!.Value;

        Assert.Equal(40, sampled.Token);
        Assert.Equal(LogProbs(logits, 1)[40], sampled.LogProb, 1e-6);
        Assert.Equal(0, sampled.SampledLogProb);
    }

    [Theory]
    [InlineData(1f, 0, 1f)]
    [InlineData(0.6f, 0, 1f)]
    [InlineData(1.3f, 0, 0.9f)]
    [InlineData(1f, 10, 1f)]
    [InlineData(1f, 300, 1f)]          // more than the block maxima can tell
    [InlineData(0.8f, 20, 0.7f)]
    [InlineData(1f, 1, 0.5f)]
    [InlineData(1f, 0, 0.0001f)]
    [InlineData(1f, 0, 1f, 0.2f)]
    [InlineData(0.7f, 50, 0.95f, 0.1f)]
    [InlineData(1f, 4, 1f, 0.01f)]
    [InlineData(1f, 0, 1f, 1f)]
    public void Frequencies_and_log_probs_are_those_of_the_sorted_definition(float temperature, int topK, float topP, float minP = 0)
    {
        const int Draws = 20_000;
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(2, 2.5);
        var parameters = new SamplingParameters { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP };
        var expected = Distribution(logits, temperature, topK, topP, minP);
        var raw = LogProbs(logits, 1);
        var counts = new int[Vocabulary];
        var worst = 0.0;
        for (var i = 0; i < Draws; i++)
        {
            var sampled = sampler.Draw(logits, parameters, CounterRandom.Uniform(99, i))!.Value;
            counts[sampled.Token]++;
            worst = Math.Max(worst, Math.Abs(raw[sampled.Token] - sampled.LogProb));
            worst = Math.Max(worst, Math.Abs(Math.Log(expected[sampled.Token]) - sampled.SampledLogProb));
        }

        Assert.True(worst < 1e-5, $"Log-probs differ by {worst:g3}.");

        // Pearson's statistic over cells of at least five expected draws, the rest pooled: mean df, standard deviation sqrt(2 df).
        var (statistic, cells, restExpected, restCount) = (0.0, 0, 0.0, 0);
        for (var i = 0; i < Vocabulary; i++)
        {
            if (expected[i] == 0)
            {
                Assert.Equal(0, counts[i]);
            }
            else if (expected[i] * Draws >= 5)
            {
                statistic += Math.Pow(counts[i] - (expected[i] * Draws), 2) / (expected[i] * Draws);
                cells++;
            }
            else
            {
                restExpected += expected[i] * Draws;
                restCount += counts[i];
            }
        }

        statistic += restExpected > 0 ? Math.Pow(restCount - restExpected, 2) / restExpected : 0;
        var freedom = cells + (restExpected > 0 ? 1 : 0) - 1;
        Assert.True(statistic <= freedom + (4 * Math.Sqrt(2.0 * freedom)), $"chi-square {statistic:f1} with {freedom} degrees of freedom");
    }

    [Fact]
    public void Every_uniform_number_gives_the_token_at_that_place_of_the_running_sum()
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(3, 2);
        var probabilities = Distribution(logits, 1, 0, 1);
        var sum = 0.0;
        for (var token = 0; token < Vocabulary; token++)
        {
            var middle = sum + (probabilities[token] / 2);
            sum += probabilities[token];
            if (probabilities[token] > 1e-5)
            {
                Assert.Equal(token, sampler.Draw(logits, new SamplingParameters(), middle)!.Value.Token);
            }
        }

        Assert.Equal(0, sampler.Draw(logits, new SamplingParameters(), 0)!.Value.Token);
        Assert.Equal(Vocabulary - 1, sampler.Draw(logits, new SamplingParameters(), Math.BitDecrement(1.0))!.Value.Token);
    }

    [Theory]
    [InlineData(5, 1f)]
    [InlineData(0, 0.45f)]
    public void Equal_logits_are_kept_by_the_smaller_id(int topK, float topP)
    {
        using var sampler = new Sampler(10);
        var tokens = Enumerable.Range(0, 200)
            .Select(i => sampler.Draw(new float[10], new SamplingParameters { TopK = topK, TopP = topP }, CounterRandom.Uniform(4, i))!.Value.Token)
            .Distinct().Order();
        Assert.Equal([0, 1, 2, 3, 4], tokens);
    }

    [Fact]
    public void Where_the_row_lies_in_memory_changes_no_bit()
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(6, 2);
        var parameters = new SamplingParameters { Temperature = 0.9f, TopP = 0.95f };
        var expected = sampler.Draw(logits, parameters, 0.37);
        var batch = new float[Vocabulary * 40];
        for (var row = 0; row < 39; row++)
        {
            logits.CopyTo(batch, (row * Vocabulary) + (row % 5));
            Assert.Equal(expected, sampler.Draw(batch.AsSpan((row * Vocabulary) + (row % 5), Vocabulary), parameters, 0.37));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_finite_give_no_token(float value)
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(7, 1);
        logits[123] = value;
        Assert.Null(sampler.Draw(logits, new SamplingParameters(), 0.5));
        Assert.False(sampler.TryLogProbs(logits, [0], new float[1]));
    }

    [Fact]
    public void A_masked_token_is_never_drawn_and_a_row_of_masks_gives_none()
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = new float[Vocabulary];
        logits.AsSpan().Fill(float.NegativeInfinity);
        Assert.Null(sampler.Draw(logits, new SamplingParameters(), 0.5));

        logits[70] = -3;
        foreach (var uniform in new[] { 0, 0.5, Math.BitDecrement(1.0) })
        {
            var sampled = sampler.Draw(logits, new SamplingParameters { TopP = 0.9f, TopK = 3 }, uniform)!.Value;
            Assert.Equal(70, sampled.Token);
            Assert.InRange(sampled.LogProb, -1e-6f, 0);
            Assert.InRange(sampled.SampledLogProb, -1e-6f, 0);
        }
    }

    [Fact]
    public void Penalties_and_bias_change_what_is_drawn_but_not_the_models_log_prob()
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(8, 2);
        (logits[7], logits[9], logits[11], logits[13]) = (4, 3.5f, -1, 2);
        var parameters = new SamplingParameters
        {
            Temperature = 0.8f,
            RepetitionPenalty = 1.25f,
            PresencePenalty = 0.5f,
            FrequencyPenalty = 0.25f,
            LogitBias = new Dictionary<int, float> { [13] = 3, [9] = -1, [200] = float.NegativeInfinity },
        };
        var history = new TokenHistory([7, 11, 9]);
        history.Add(9);
        history.Add(9);
        history.Add(20);

        // By hand: repetition touches prompt and answer, presence and frequency the answer only, the bias whatever it names.
        var adjusted = logits.ToArray();
        adjusted[7] = 4 / 1.25f;
        adjusted[11] = -1 * 1.25f;
        adjusted[9] = (3.5f / 1.25f) - 0.5f - (2 * 0.25f) - 1;
        adjusted[20] = (logits[20] > 0 ? logits[20] / 1.25f : logits[20] * 1.25f) - 0.75f;
        adjusted[13] += 3;
        adjusted[200] = float.NegativeInfinity;
        var expected = LogProbs(adjusted, 0.8);
        var raw = LogProbs(logits, 1);
        for (var i = 0; i < 500; i++)
        {
            var sampled = sampler.Draw(logits, parameters, CounterRandom.Uniform(5, i), history)!.Value;
            Assert.NotEqual(200, sampled.Token);
            Assert.Equal(raw[sampled.Token], sampled.LogProb, 1e-5);
            Assert.Equal(expected[sampled.Token], sampled.SampledLogProb, 1e-5);
        }

        var greedy = sampler.Draw(logits, parameters with { Temperature = 0 }, 0.5, history)!.Value;
        Assert.Equal(13, greedy.Token);
        Assert.Equal(raw[13], greedy.LogProb, 1e-5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(20)]
    public void The_most_probable_tokens_come_best_first_with_the_models_log_probs(int count)
    {
        using var sampler = new Sampler(Vocabulary);
        var logits = Logits(9, 2);
        logits[300] = logits[30] = logits.Max() + 1;        // equal ones by the smaller id
        var raw = LogProbs(logits, 1);
        var best = sampler.Top(logits, count);
        var expected = Enumerable.Range(0, Vocabulary).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(count);
        Assert.Equal(expected, best.Select(token => token.Token));
        Assert.All(best, token => Assert.Equal(raw[token.Token], token.LogProb, 1e-5));
    }

    private static float[] Logits(int seed, double scale)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Vocabulary).Select(_ => (float)(scale * ((random.NextDouble() * 2) - 1) * Math.Sqrt(3)))];
    }

    private static double[] LogProbs(float[] logits, double temperature) => Testing.DecoderReference.LogProbs([.. logits.Select(logit => logit / temperature)]);

    /// <summary>The textbook definition: sort, cut at k, renormalise, cut where p is reached, cut what is below the share of the best, renormalise.</summary>
    private static double[] Distribution(float[] logits, double temperature, int topK, double topP, double minP = 0)
    {
        var probabilities = LogProbs(logits, temperature).Select(Math.Exp).ToArray();
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i).ToArray();
        var kept = order.Take(topK > 0 ? topK : order.Length).ToArray();
        var total = kept.Sum(i => probabilities[i]);
        var (sum, count) = (0.0, 0);
        while (count < kept.Length && (count == 0 || sum < topP * total))
        {
            sum += probabilities[kept[count++]];
        }

        var distribution = new double[logits.Length];
        kept = [.. kept[..count].Where(i => probabilities[i] >= minP * probabilities[order[0]])];
        sum = kept.Sum(i => probabilities[i]);
        foreach (var i in kept)
        {
            distribution[i] = probabilities[i] / sum;
        }

        return distribution;
    }
}
