using System.Text;

namespace Serving.Episodes;

/// <summary>
/// The way back from a record to its <see cref="Episode"/>; the mirror of <see cref="EpisodeEncoder"/>. Fields that came with a later version of the schema have
/// their neutral values in records of earlier ones. Stateless.
/// </summary>
public static class EpisodeDecoder
{
    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Reads the payload of a record of our schema.</summary>
    /// <exception cref="InvalidDataException">Protobuf damage, or a field that is missing or contradicts another; the message says which.</exception>
    public static Episode Decode(ReadOnlyMemory<byte> payload)
    {
        var record = TfExample.Parse(payload);
        return new Episode
        {
            Id = Text(record, "episode_id"),
            Created = Created(record),
            Policy = Text(record, "agent_id"),
            PolicyDigest = Text(record, "agent_digest"),
            Scorecard = Text(record, "environment_config"),
            ScorecardDigest = Text(record, "environment_digest"),
            Source = Text(record, "steps/observation/source"),
            Prompt = Text(record, "steps/observation/text"),
            PromptTokens = Tensor<int>(record, "steps/observation/tokens"),
            Seed = unchecked((ulong)Int64(record, "seed")),
            Temperature = Float(record, "temperature"),
            TopK = Int32(record, "top_k"),
            TopP = Float(record, "top_p"),
            MinP = Has(record, "min_p") ? Float(record, "min_p") : 0,
            RepetitionPenalty = Has(record, "repetition_penalty") ? Float(record, "repetition_penalty") : 1,
            PresencePenalty = Has(record, "presence_penalty") ? Float(record, "presence_penalty") : 0,
            FrequencyPenalty = Has(record, "frequency_penalty") ? Float(record, "frequency_penalty") : 0,
            HasLogitBias = Has(record, "logit_bias") && Int64(record, "logit_bias") != 0,
            IgnoreEos = Has(record, "ignore_eos") && Int64(record, "ignore_eos") != 0,
            MaxTokens = Has(record, "max_tokens") ? Int32(record, "max_tokens") : 0,
            ResponseFormat = Has(record, "response_format") ? Text(record, "response_format") : "",
            TraceId = Has(record, "trace_id") ? Text(record, "trace_id") : "",
            RequestDigest = Has(record, "request_digest") ? Text(record, "request_digest") : "",
            Chosen = Int32(record, "chosen"),
            Independent = Int64(record, "independent") != 0,
            Candidates = Candidates(record),
            Experiment = Text(record, "experiment_id"),
            Invalid = Int64(record, "invalid") != 0,
            Metadata = Parsed(record, "request_metadata", JsonText.ReadObject),
        };
    }

    private static EpisodeCandidate[] Candidates(TfExample record)
    {
        var lengths = Tensor<int>(record, "steps/candidates/lengths");
        var count = lengths.Length;
        if (Array.Exists(lengths, length => length < 0))
        {
            throw Field("steps/candidates/lengths", "a length is negative");
        }

        var tokens = Tensor<int>(record, "steps/candidates/tokens", lengths.Sum(length => (long)length));
        var logProbs = Tensor<float>(record, "steps/candidates/logprobs", tokens.Length);
        var sampledLogProbs = Tensor<float>(record, "steps/candidates/sampled_logprobs", tokens.Length);
        var finished = Tensor<byte>(record, "steps/candidates/finished", count);
        var totals = Tensor<double>(record, "steps/candidates/totals", count);
        var names = Parsed(record, "steps/candidates/score_names", JsonText.ReadArray);
        var scores = Tensor<float>(record, "steps/candidates/scores", (long)count * names.Length);
        var texts = Parsed(record, "steps/candidates/texts", JsonText.ReadArray);
        if (texts.Length != count)
        {
            throw Field("steps/candidates/texts", $"{texts.Length} texts for {count} candidates");
        }

        var candidates = new EpisodeCandidate[count];
        var start = 0;
        for (var i = 0; i < count; i++)
        {
            var end = start + lengths[i];
            var own = scores.AsSpan(i * names.Length, names.Length);
            var named = new KeyValuePair<string, float>[names.Length];
            for (var k = 0; k < named.Length; k++)
            {
                named[k] = KeyValuePair.Create(names[k], own[k]);
            }

            candidates[i] = new EpisodeCandidate
            {
                Text = texts[i],
                Tokens = tokens[start..end],
                LogProbs = logProbs[start..end],
                SampledLogProbs = sampledLogProbs[start..end],
                Finished = finished[i] != 0,
                Total = totals[i],
                Scores = named,
            };
            start = end;
        }

        return candidates;
    }

    private static DateTimeOffset Created(TfExample record) =>
        new(DateTime.UnixEpoch.Ticks + Int64(record, "created_unix_ns") / TimeSpan.NanosecondsPerTick, TimeSpan.Zero);

    private static bool Has(TfExample record, string key) => record.Features.ContainsKey(key);

    private static string Text(TfExample record, string key)
    {
        var text = Bytes(record, key);
        try
        {
            return _utf8.GetString(text.Span);
        }
        catch (DecoderFallbackException e)
        {
            throw Field(key, "it is not UTF-8", e);
        }
    }

    private static T[] Tensor<T>(TfExample record, string key)
        where T : unmanaged
    {
        var stream = Bytes(record, key);
        try
        {
            return ZlibTensor.Read<T>(stream);
        }
        catch (InvalidDataException e)
        {
            throw Field(key, e.Message, e);
        }
    }

    private static T[] Tensor<T>(TfExample record, string key, long count)
        where T : unmanaged
    {
        var elements = Tensor<T>(record, key);
        return elements.Length == count ? elements : throw Field(key, $"{elements.Length} values where {count} belong");
    }

    private delegate T Parser<T>(ReadOnlySpan<byte> json);

    private static T Parsed<T>(TfExample record, string key, Parser<T> parse)
    {
        var json = Bytes(record, key);
        try
        {
            return parse(json.Span);
        }
        catch (InvalidDataException e)
        {
            throw Field(key, e.Message, e);
        }
    }

    /// <summary>The value of step 0, or of the episode.</summary>
    private static ReadOnlyMemory<byte> Bytes(TfExample record, string key) => Feature(record, key, TfKind.Bytes).Bytes[0];

    private static float Float(TfExample record, string key) => Feature(record, key, TfKind.Float).Floats[0];

    private static long Int64(TfExample record, string key) => Feature(record, key, TfKind.Int64).Int64s[0];

    private static int Int32(TfExample record, string key)
    {
        var value = Int64(record, key);
        return value == (int)value ? (int)value : throw Field(key, $"{value} is no 32-bit integer");
    }

    private static TfFeature Feature(TfExample record, string key, TfKind kind)
    {
        if (!record.Features.TryGetValue(key, out var feature))
        {
            throw Field(key, "it is missing");
        }

        var steps = key.StartsWith("steps/", StringComparison.Ordinal) ? 2 : 1;
        return feature.Kind == kind && feature.Count == steps
            ? feature
            : throw Field(key, $"it holds {feature.Count} values of kind {feature.Kind} where {steps} of kind {kind} belong");
    }

    private static InvalidDataException Field(string key, string what, Exception? inner = null) => new($"field '{key}': {what}", inner);
}
