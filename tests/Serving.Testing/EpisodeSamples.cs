using System.Globalization;
using System.Text;
using Serving.Episodes;

namespace Serving.Testing;

/// <summary>Episodes for tests: small ones, random ones with every odd value there is, and a text form by which two can be compared.</summary>
public static class EpisodeSamples
{
    private static readonly string[] _oddTexts =
    [
        "", " ", "\0", "a\0b", "\"quoted\\\"", "line\nline\r\n\t", "\u2028\u2029", "é ü 漢字", "😀🏳️‍🌈 𝔘", "\uFEFF\uFFFD", "</s>", "\u001f\u007f", "{\"a\":[1]}",
    ];

    private static readonly float[] _oddFloats =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
        1f / 3, BitConverter.UInt32BitsToSingle(0x7FA00001),
    ];

    private static readonly double[] _oddDoubles =
    [
        0.1, -0.0, double.Epsilon, double.MaxValue, double.MinValue, double.PositiveInfinity, double.NaN, 1.0 / 3, 1e300,
    ];

    /// <summary>One candidate of three tokens.</summary>
    public static Episode Small(string id) => new()
    {
        Id = id,
        Created = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero),
        Policy = "anchor@1",
        PolicyDigest = "sha256:aa",
        Scorecard = "default",
        ScorecardDigest = "sha256:bb",
        Source = "source",
        Prompt = "<s>source<sum>",
        PromptTokens = [1, 40, 3],
        Seed = 7,
        Temperature = 1,
        TopK = 0,
        TopP = 1,
        Chosen = 0,
        Independent = true,
        Candidates = [Candidate("answer", 3, new Random(1))],
    };

    /// <summary><paramref name="candidates"/> answers of <paramref name="tokens"/> tokens, ordinary values.</summary>
    public static Episode Usual(string id, int candidates, int tokens, Random random) => Small(id) with
    {
        Source = string.Join(' ', Enumerable.Repeat("a package that does things", 12)),
        Prompt = "<s>" + string.Join(' ', Enumerable.Repeat("a package that does things", 12)) + "<sum>",
        PromptTokens = [.. Enumerable.Range(0, 80).Select(_ => random.Next(4096))],
        Candidates = [.. Enumerable.Range(0, candidates).Select(i => Candidate($"answer {i} of a model to this prompt", tokens, random))],
        Chosen = random.Next(candidates),
    };

    /// <summary>Anything that an episode may be, odd values often.</summary>
    public static Episode Random(Random random)
    {
        var names = Enumerable.Range(0, random.Next(4)).Select(i => i == 0 ? Text(random) : "scorer " + i).ToArray();
        var count = random.Next(8) == 0 ? 64 : random.Next(1, 6);
        return new Episode
        {
            Id = "chatcmpl-" + random.Next(),
            Created = DateTimeOffset.UnixEpoch.AddTicks(random.NextInt64(-TimeSpan.TicksPerDay * 36500, TimeSpan.TicksPerDay * 36500)),
            Policy = Text(random),
            PolicyDigest = Text(random),
            Scorecard = Text(random),
            ScorecardDigest = Text(random),
            Source = Text(random),
            Prompt = Text(random),
            PromptTokens = Tokens(random, random.Next(3) * random.Next(40)),
            Seed = random.Next(3) == 0 ? ulong.MaxValue : (ulong)random.NextInt64(),
            Temperature = Float(random),
            TopK = random.Next(-1, 1000),
            TopP = Float(random),
            MinP = Float(random),
            RepetitionPenalty = Float(random),
            PresencePenalty = Float(random),
            FrequencyPenalty = Float(random),
            HasLogitBias = random.Next(2) == 0,
            IgnoreEos = random.Next(2) == 0,
            MaxTokens = random.Next(),
            ResponseFormat = Text(random),
            TraceId = Text(random),
            RequestDigest = Text(random),
            Chosen = random.Next(count),
            Independent = random.Next(2) == 0,
            Candidates = [.. Enumerable.Range(0, count).Select(_ => OddCandidate(random, names))],
            Experiment = Text(random),
            Invalid = random.Next(4) == 0,
            Metadata = Enumerable.Range(0, random.Next(3)).ToDictionary(i => i + Text(random), _ => Text(random)),
        };
    }

    /// <summary>Every field, floats by their bits.</summary>
    public static string Describe(Episode episode)
    {
        var text = new StringBuilder();
        text.AppendJoin('|', episode.Id, episode.Created.UtcTicks, episode.Policy, episode.PolicyDigest, episode.Scorecard, episode.ScorecardDigest);
        text.AppendJoin('|', episode.Source, episode.Prompt, string.Join(',', episode.PromptTokens), episode.Seed, Bits(episode.Temperature));
        text.AppendJoin('|', Bits(episode.MinP), Bits(episode.RepetitionPenalty), Bits(episode.PresencePenalty), Bits(episode.FrequencyPenalty));
        text.AppendJoin('|', episode.HasLogitBias, episode.IgnoreEos, episode.MaxTokens, episode.ResponseFormat, episode.TraceId, episode.RequestDigest);
        text.AppendJoin('|', episode.TopK, Bits(episode.TopP), episode.Chosen, episode.Independent, episode.Experiment, episode.Invalid);
        text.AppendJoin('|', episode.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => m.Key + "=" + m.Value));
        foreach (var candidate in episode.Candidates)
        {
            text.Append('\n').AppendJoin('|', candidate.Text, string.Join(',', candidate.Tokens), candidate.Finished);
            text.AppendJoin('|', string.Join(',', candidate.LogProbs.Select(Bits)), string.Join(',', candidate.SampledLogProbs.Select(Bits)));
            text.Append(BitConverter.DoubleToUInt64Bits(candidate.Total).ToString("x", CultureInfo.InvariantCulture));
            text.AppendJoin('|', candidate.Scores.Select(s => s.Key + "=" + Bits(s.Value)));
        }

        return text.ToString();
    }

    private static EpisodeCandidate Candidate(string text, int tokens, Random random) => new()
    {
        Text = text,
        Tokens = [.. Enumerable.Range(0, tokens).Select(_ => random.Next(4096))],
        LogProbs = [.. Enumerable.Range(0, tokens).Select(_ => MathF.Log(random.NextSingle() + 1e-6f))],
        SampledLogProbs = [.. Enumerable.Range(0, tokens).Select(_ => MathF.Log(random.NextSingle() + 1e-6f))],
        Finished = true,
        Total = random.NextDouble(),
        Scores = [KeyValuePair.Create("reward", random.NextSingle()), KeyValuePair.Create("entailment", -random.NextSingle())],
    };

    private static EpisodeCandidate OddCandidate(Random random, string[] names)
    {
        var tokens = random.Next(3) * random.Next(random.Next(100) == 0 ? 9_000 : 40);
        return new EpisodeCandidate
        {
            Text = random.Next(5) == 0 ? Text(random) + "\uD83D" : Text(random),        // a stop string may cut a pair in half
            Tokens = Tokens(random, tokens),
            LogProbs = [.. Enumerable.Range(0, tokens).Select(_ => Float(random))],
            SampledLogProbs = [.. Enumerable.Range(0, tokens).Select(_ => Float(random))],
            Finished = random.Next(2) == 0,
            Total = random.Next(2) == 0 ? _oddDoubles[random.Next(_oddDoubles.Length)] : random.NextDouble(),
            Scores = [.. names.Select(name => KeyValuePair.Create(name, Float(random)))],
        };
    }

    private static int[] Tokens(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(20) == 0 ? int.MaxValue : random.Next(50_000))];

    private static string Text(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => _oddTexts[random.Next(_oddTexts.Length)]));

    private static float Float(Random random) =>
        random.Next(3) == 0 ? _oddFloats[random.Next(_oddFloats.Length)] : (random.NextSingle() - 0.5f) * 20;

    private static string Bits(float value) => BitConverter.SingleToUInt32Bits(value).ToString("x", CultureInfo.InvariantCulture);
}
