using System.Runtime.InteropServices;
using System.Text;

namespace Serving.Episodes;

/// <summary>
/// An <see cref="Episode"/> as one Example of two steps (SAR): step 0 is the prompt, the chosen answer and its reward; step 1 closes the
/// episode with an empty observation (it would repeat prompt + answer). The keys and what each holds: docs/formats.md. Stateless.
/// </summary>
internal static class EpisodeEncoder
{
    private static readonly UTF8Encoding _strict = new(false, throwOnInvalidBytes: true);

    /// <summary>A framed record in a pooled array, which the caller returns.</summary>
    /// <exception cref="ArgumentException">The episode breaks a rule of its type; the message names the field.</exception>
    public static EncodedFrame Encode(Episode episode)
    {
        Check(episode);
        var chosen = episode.Candidates[episode.Chosen];
        using var raw = new PooledBuffer();
        using var value = new PooledBuffer();
        using var record = new ExampleWriter();

        record.Bytes("agent_digest"u8, Text(value, episode.PolicyDigest, nameof(episode.PolicyDigest)));
        record.Bytes("agent_id"u8, Text(value, episode.Policy, nameof(episode.Policy)));
        record.Int64("chosen"u8, episode.Chosen);
        record.Int64("created_unix_ns"u8, UnixNanoseconds(episode.Created));
        record.Bytes("environment_config"u8, Text(value, episode.Scorecard, nameof(episode.Scorecard)));
        record.Bytes("environment_digest"u8, Text(value, episode.ScorecardDigest, nameof(episode.ScorecardDigest)));
        record.Bytes("episode_id"u8, Text(value, episode.Id, nameof(episode.Id)));
        record.Bytes("experiment_id"u8, Text(value, episode.Experiment, nameof(episode.Experiment)));
        record.Float("frequency_penalty"u8, episode.FrequencyPenalty);
        record.Int64("ignore_eos"u8, Bit(episode.IgnoreEos));
        record.Int64("independent"u8, Bit(episode.Independent));
        record.Int64("invalid"u8, Bit(episode.Invalid));
        record.Int64("logit_bias"u8, Bit(episode.HasLogitBias));
        record.Int64("max_tokens"u8, episode.MaxTokens);
        record.Float("min_p"u8, episode.MinP);
        record.Float("presence_penalty"u8, episode.PresencePenalty);
        record.Float("repetition_penalty"u8, episode.RepetitionPenalty);
        record.Bytes("request_digest"u8, Text(value, episode.RequestDigest, nameof(episode.RequestDigest)));
        record.Bytes("request_metadata"u8, Map(value, episode.Metadata));
        record.Bytes("response_format"u8, Text(value, episode.ResponseFormat, nameof(episode.ResponseFormat)));
        record.Int64("seed"u8, unchecked((long)episode.Seed));

        record.Bytes("steps/action/logprobs"u8, Tensor<float>(value, chosen.LogProbs), ZlibTensor.Empty);
        record.Bytes("steps/action/sampled_logprobs"u8, Tensor<float>(value, chosen.SampledLogProbs), ZlibTensor.Empty);
        record.Bytes("steps/action/text"u8, Copy(value, chosen.Text), default);
        record.Bytes("steps/action/tokens"u8, Tensor<int>(value, chosen.Tokens, deflate: true), ZlibTensor.Empty);
        WriteCandidates(record, episode.Candidates, raw, value);
        record.Float("steps/discount"u8, chosen.Finished && !episode.Invalid ? 0 : 1, 0);
        record.Int64("steps/is_first"u8, 1, 0);
        record.Int64("steps/is_last"u8, 0, 1);
        record.Int64("steps/is_terminal"u8, 0, Bit(chosen.Finished && !episode.Invalid));
        record.Bytes("steps/observation/source"u8, Text(value, episode.Source, nameof(episode.Source)), default);
        record.Bytes("steps/observation/text"u8, Text(value, episode.Prompt, nameof(episode.Prompt)), default);
        record.Bytes("steps/observation/tokens"u8, Tensor<int>(value, episode.PromptTokens, deflate: true), ZlibTensor.Empty);
        record.Float("steps/reward"u8, (float)chosen.Total, 0);

        record.Float("temperature"u8, episode.Temperature);
        record.Int64("top_k"u8, episode.TopK);
        record.Float("top_p"u8, episode.TopP);
        record.Bytes("trace_id"u8, Text(value, episode.TraceId, nameof(episode.TraceId)));
        return record.Finish();
    }

    /// <summary>All candidates of step 0, each field of all of them in one list, one after the other; "lengths" cuts the token lists.</summary>
    private static void WriteCandidates(ExampleWriter record, IReadOnlyList<EpisodeCandidate> candidates, PooledBuffer raw, PooledBuffer value)
    {
        raw.Clear();
        foreach (var candidate in candidates)
        {
            raw.Append(candidate.Finished ? (byte)1 : (byte)0);
        }

        record.Bytes("steps/candidates/finished"u8, Stream(value, raw), ZlibTensor.Empty);

        raw.Clear();
        foreach (var candidate in candidates)
        {
            raw.AppendRaw<int>([candidate.Tokens.Length]);
        }

        record.Bytes("steps/candidates/lengths"u8, Stream(value, raw), ZlibTensor.Empty);

        raw.Clear();
        foreach (var candidate in candidates)
        {
            raw.AppendRaw<float>(candidate.LogProbs);
        }

        record.Bytes("steps/candidates/logprobs"u8, Stream(value, raw), ZlibTensor.Empty);

        raw.Clear();
        foreach (var candidate in candidates)
        {
            raw.AppendRaw<float>(candidate.SampledLogProbs);
        }

        record.Bytes("steps/candidates/sampled_logprobs"u8, Stream(value, raw), ZlibTensor.Empty);

        value.Clear();
        JsonText.WriteArray(value, candidates[0].Scores.Select(s => s.Key));
        record.Bytes("steps/candidates/score_names"u8, value.Written, "[]"u8);

        raw.Clear();
        foreach (var candidate in candidates)
        {
            foreach (var score in candidate.Scores)
            {
                raw.AppendRaw<float>([score.Value]);
            }
        }

        record.Bytes("steps/candidates/scores"u8, Stream(value, raw), ZlibTensor.Empty);

        value.Clear();
        JsonText.WriteArray(value, candidates.Select(c => c.Text));
        record.Bytes("steps/candidates/texts"u8, value.Written, "[]"u8);

        raw.Clear();
        foreach (var candidate in candidates)
        {
            raw.AppendRaw<int>(candidate.Tokens);
        }

        record.Bytes("steps/candidates/tokens"u8, Stream(value, raw, deflate: true), ZlibTensor.Empty);

        raw.Clear();
        foreach (var candidate in candidates)
        {
            raw.AppendRaw<double>([candidate.Total]);
        }

        record.Bytes("steps/candidates/totals"u8, Stream(value, raw), ZlibTensor.Empty);
    }

    private static void Check(Episode episode)
    {
        var candidates = episode.Candidates;
        if (episode.Chosen < 0 || episode.Chosen >= candidates.Count)
        {
            throw new ArgumentException(
                $"Episode '{episode.Id}': Chosen is {episode.Chosen}, but there are {candidates.Count} candidates.", nameof(episode));
        }

        var names = candidates[0].Scores;
        for (var i = 0; i < candidates.Count; i++)
        {
            var candidate = candidates[i];
            if (candidate.LogProbs.Length != candidate.Tokens.Length || candidate.SampledLogProbs.Length != candidate.Tokens.Length)
            {
                throw new ArgumentException(
                    $"Episode '{episode.Id}', candidate {i}: {candidate.Tokens.Length} Tokens need as many LogProbs and SampledLogProbs, not "
                    + $"{candidate.LogProbs.Length} and {candidate.SampledLogProbs.Length}.",
                    nameof(episode));
            }

            if (!SameNames(candidate.Scores, names))
            {
                throw new ArgumentException(
                    $"Episode '{episode.Id}', candidate {i}: Scores must name the same scorers in the same order as candidate 0.", nameof(episode));
            }
        }
    }

    private static bool SameNames(IReadOnlyList<KeyValuePair<string, float>> scores, IReadOnlyList<KeyValuePair<string, float>> names)
    {
        if (ReferenceEquals(scores, names))
        {
            return true;
        }

        var same = scores.Count == names.Count;
        for (var i = 0; same && i < names.Count; i++)
        {
            same = string.Equals(scores[i].Key, names[i].Key, StringComparison.Ordinal);
        }

        return same;
    }

    private static long UnixNanoseconds(DateTimeOffset created)
    {
        try
        {
            return checked((created.UtcTicks - DateTime.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick);
        }
        catch (OverflowException e)
        {
            throw new ArgumentException($"Created is {created:O}; only the years 1678 to 2261 can be stored.", nameof(created), e);
        }
    }

    private static ReadOnlySpan<byte> Text(PooledBuffer value, string text, string field)
    {
        value.Clear();
        try
        {
            value.AppendText(text, _strict);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"{field} has half of a surrogate pair at index {e.Index} and cannot be stored as UTF-8.", field, e);
        }

        return value.Written;
    }

    /// <summary>For a text that is kept whole elsewhere: what UTF-8 cannot hold becomes U+FFFD.</summary>
    private static ReadOnlySpan<byte> Copy(PooledBuffer value, string text)
    {
        value.Clear();
        value.AppendText(text, Encoding.UTF8);
        return value.Written;
    }

    private static ReadOnlySpan<byte> Map(PooledBuffer value, IReadOnlyDictionary<string, string> items)
    {
        value.Clear();
        JsonText.WriteObject(value, items);
        return value.Written;
    }

    private static ReadOnlySpan<byte> Tensor<T>(PooledBuffer value, ReadOnlySpan<T> elements, bool deflate = false)
        where T : unmanaged
    {
        value.Clear();
        ZlibTensor.Write(value, MemoryMarshal.AsBytes(elements), deflate);
        return value.Written;
    }

    private static ReadOnlySpan<byte> Stream(PooledBuffer value, PooledBuffer raw, bool deflate = false)
    {
        value.Clear();
        ZlibTensor.Write(value, raw.Written, deflate);
        return value.Written;
    }

    private static long Bit(bool value) => value ? 1 : 0;
}
