using System.Globalization;
using System.Text.Json;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>JSON Lines, an episode each, with everything that is stored. Stateless.</summary>
internal static class EpisodeLinesExport
{
    public static (long Written, string What, string Skipped) Write(IEnumerable<Episode> episodes, ILookup<string, FeedbackRecord> feedback, string path) => NewFile.Write(path, file =>
    {
        var written = 0L;
        using var json = new Utf8JsonWriter(file, JsonLines.Options);
        foreach (var episode in episodes)
        {
            Line(json, episode, feedback[episode.Id]);
            json.Flush();
            file.WriteByte((byte)'\n');
            json.Reset();
            written++;
        }

        return (written, "episodes", "");
    });

    private static void Line(Utf8JsonWriter json, Episode episode, IEnumerable<FeedbackRecord> feedback)
    {
        json.WriteStartObject();
        JsonLines.Text(json, "id", episode.Id);
        json.WriteString("created", episode.Created.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
        JsonLines.Text(json, "policy", episode.Policy);
        JsonLines.Text(json, "policy_digest", episode.PolicyDigest);
        JsonLines.Text(json, "scorecard", episode.Scorecard);
        JsonLines.Text(json, "scorecard_digest", episode.ScorecardDigest);
        JsonLines.Text(json, "experiment", episode.Experiment);
        json.WriteBoolean("invalid", episode.Invalid);
        json.WriteBoolean("independent", episode.Independent);
        JsonLines.Text(json, "source", episode.Source);
        JsonLines.Text(json, "prompt", episode.Prompt);
        JsonLines.Numbers(json, "prompt_tokens", episode.PromptTokens);
        json.WriteNumber("seed", episode.Seed);
        json.WritePropertyName("temperature");
        JsonLines.Number(json, episode.Temperature);
        json.WriteNumber("top_k", episode.TopK);
        json.WritePropertyName("top_p");
        JsonLines.Number(json, episode.TopP);
        Sampling(json, episode);
        json.WriteNumber("chosen", episode.Chosen);
        json.WriteStartArray("candidates");
        foreach (var candidate in episode.Candidates)
        {
            Candidate(json, candidate);
        }

        json.WriteEndArray();
        json.WriteStartObject("metadata");
        foreach (var (name, value) in episode.Metadata)
        {
            JsonLines.Name(json, name);
            JsonLines.Text(json, value);
        }

        json.WriteEndObject();
        json.WriteStartArray("feedback");
        foreach (var value in feedback)
        {
            Feedback(json, value);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What came with version 1.1.0 of the schema.</summary>
    private static void Sampling(Utf8JsonWriter json, Episode episode)
    {
        json.WritePropertyName("min_p");
        JsonLines.Number(json, episode.MinP);
        json.WritePropertyName("repetition_penalty");
        JsonLines.Number(json, episode.RepetitionPenalty);
        json.WritePropertyName("presence_penalty");
        JsonLines.Number(json, episode.PresencePenalty);
        json.WritePropertyName("frequency_penalty");
        JsonLines.Number(json, episode.FrequencyPenalty);
        json.WriteBoolean("logit_bias", episode.HasLogitBias);
        json.WriteBoolean("ignore_eos", episode.IgnoreEos);
        json.WriteNumber("max_tokens", episode.MaxTokens);
        JsonLines.Text(json, "response_format", episode.ResponseFormat);
        JsonLines.Text(json, "trace_id", episode.TraceId);
        JsonLines.Text(json, "request_digest", episode.RequestDigest);
    }

    private static void Feedback(Utf8JsonWriter json, FeedbackRecord feedback)
    {
        json.WriteStartObject();
        json.WriteString("id", feedback.Id);
        json.WriteString("created", feedback.Created.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
        json.WriteString("metric_name", feedback.Metric);
        json.WritePropertyName("value");
        json.WriteRawValue(feedback.Value);
        json.WriteStartObject("tags");
        foreach (var (name, value) in feedback.Tags)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteString("workload_id", feedback.Workload);
        json.WriteString("client_id", feedback.Client);
        json.WriteEndObject();
    }

    private static void Candidate(Utf8JsonWriter json, EpisodeCandidate candidate)
    {
        json.WriteStartObject();
        JsonLines.Text(json, "text", candidate.Text);
        JsonLines.Number(json, "total", candidate.Total);
        json.WriteStartObject("scores");
        foreach (var (name, value) in candidate.Scores)
        {
            JsonLines.Name(json, name);
            JsonLines.Number(json, value);
        }

        json.WriteEndObject();
        json.WriteBoolean("finished", candidate.Finished);
        JsonLines.Numbers(json, "tokens", candidate.Tokens);
        JsonLines.Numbers(json, "logprobs", candidate.LogProbs);
        JsonLines.Numbers(json, "sampled_logprobs", candidate.SampledLogProbs);
        json.WriteEndObject();
    }
}
