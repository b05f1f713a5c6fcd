using System.CommandLine;
using System.Globalization;
using System.Text;
using Serving.Episodes;

namespace Serving.EpisodeTools;

/// <summary>"episodes show": one episode for people. Stateless.</summary>
internal static class ShowVerb
{
    private const int NotFound = 1;

    public static Command Create()
    {
        var folder = EpisodesCommand.Folder();
        var id = new Option<string?>("--id") { Description = "Its episode_id." };
        var index = new Option<long?>("--index") { Description = "Its number over all shards, from 0 [default: 0]; negative numbers count from the end." };
        var candidates = new Option<bool>("--candidates") { Description = "All candidates with their scores, best first." };
        var command = new Command("show", "Shows one episode.") { folder, id, index, candidates };
        command.SetAction(parsed => EpisodesCommand.Guard(() => Run(
            parsed.GetRequiredValue(folder), parsed.GetValue(id), parsed.GetValue(index), parsed.GetValue(candidates))));
        return command;
    }

    private static int Run(string path, string? id, long? index, bool candidates)
    {
        if (id is not null && index is not null)
        {
            throw new EpisodeToolException("--id and --index exclude each other. Give one of them.");
        }

        var folder = RldsFolder.Open(path);
        if (Find(folder, id, index ?? 0) is not { } found)
        {
            Console.Error.WriteLine(id is null
                ? $"'{folder.Path}' has no episode number {index ?? 0}. 'episodes info' tells how many there are."
                : $"'{folder.Path}' has no episode with the id '{ShownText.Of(id)}'.");
            return NotFound;
        }

        Console.Out.WriteLine($"episode {found.Index} of {folder.Path} ({found.Shard.Name}, record {found.Record})");
        try
        {
            if (folder.IsOurs)
            {
                var episode = EpisodeDecoder.Decode(found.Payload);
                Show(episode, candidates);
                Show(LoggedFeedback.Read(folder)[episode.Id]);
            }
            else if (candidates)
            {
                throw new EpisodeToolException($"'{folder.Path}' is no log of Serving: it has no candidates that could be shown. Leave --candidates out.");
            }
            else
            {
                Show(TfExample.Parse(found.Payload), folder);
            }
        }
        catch (InvalidDataException e)
        {
            throw new EpisodeToolException($"'{found.Shard.Path}', record {found.Record}: {e.Message}. Run 'episodes verify' for all faults.", e);
        }

        return 0;
    }

    private static (RldsShard Shard, long Record, long Index, byte[] Payload)? Find(RldsFolder folder, string? id, long index)
    {
        if (id is null && index < 0)
        {
            index += RecordSource.Read(folder).LongCount();
            if (index < 0)
            {
                return null;
            }
        }

        var at = 0L;
        foreach (var (shard, record, payload) in RecordSource.Read(folder))
        {
            if (id is null ? at == index : EpisodeIdentity.Of(payload) == id)
            {
                return (shard, record, at, payload.ToArray());
            }

            at++;
        }

        return null;
    }

    private static void Show(Episode episode, bool all)
    {
        Line("id", episode.Id);
        Line("created", episode.Created.ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        Line("policy", $"{episode.Policy} {episode.PolicyDigest}");
        Line("scorecard", $"{episode.Scorecard} {episode.ScorecardDigest}");
        if (episode.Experiment.Length > 0)
        {
            Line("experiment", episode.Experiment);
        }

        Line("sampling", string.Create(
            CultureInfo.InvariantCulture,
            $"seed {episode.Seed}, temperature {episode.Temperature}, top-k {episode.TopK}, top-p {episode.TopP}{More(episode)}{(episode.Independent ? ", independent" : "")}"));
        if (episode.TraceId.Length > 0)
        {
            Line("trace", episode.TraceId);
        }

        foreach (var (name, value) in episode.Metadata.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            Line("metadata", $"{name} = {value}");
        }

        if (episode.Invalid)
        {
            Line("invalid", "broken off; readers skip it");
        }

        Line("source", episode.Source);
        Line("prompt", $"{episode.PromptTokens.Length} tokens: {episode.Prompt}");
        Line("answer", Candidate(episode, episode.Chosen));
        if (!all)
        {
            Line("candidates", $"{episode.Candidates.Count}; --candidates shows them");
            return;
        }

        foreach (var i in Enumerable.Range(0, episode.Candidates.Count).OrderByDescending(i => episode.Candidates[i].Total))
        {
            Line($"candidate {i}", Candidate(episode, i));
        }
    }

    /// <summary>What else shaped the draws, each only where it did.</summary>
    private static string More(Episode episode)
    {
        (string Name, float Value, float Neutral)[] numbers =
        [
            ("min-p", episode.MinP, 0), ("repetition penalty", episode.RepetitionPenalty, 1), ("presence penalty", episode.PresencePenalty, 0),
            ("frequency penalty", episode.FrequencyPenalty, 0),
        ];
        var told = numbers.Where(number => !number.Value.Equals(number.Neutral))
            .Select(number => string.Create(CultureInfo.InvariantCulture, $", {number.Name} {number.Value}"));
        return string.Concat(told) + (episode.HasLogitBias ? ", logit bias" : "") + (episode.IgnoreEos ? ", end token ignored" : "")
            + (episode.ResponseFormat is "" or "text" ? "" : $", {episode.ResponseFormat}");
    }

    private static void Show(IEnumerable<FeedbackRecord> feedback)
    {
        foreach (var value in feedback)
        {
            var tags = string.Concat(value.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $", {tag.Key} = {tag.Value}"));
            Line("feedback", $"{value.Metric} {value.Value}{tags} ({value.Created.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)})");
        }
    }

    private static string Candidate(Episode episode, int index)
    {
        var candidate = episode.Candidates[index];
        var scores = string.Concat(candidate.Scores.Select(score => string.Create(CultureInfo.InvariantCulture, $", {score.Key} {score.Value:0.000}")));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{candidate.Total:0.000}{scores} ({candidate.Tokens.Length} tokens{(candidate.Finished ? "" : ", cut")}{(index == episode.Chosen ? ", chosen" : "")}): {candidate.Text}");
    }

    private static void Show(TfExample record, RldsFolder folder)
    {
        var texts = (folder.Features is { } features ? FeatureColumn.All(features) : [])
            .Where(column => column.Node is { Kind: FeatureKind.Text } or { DType: "string", Encoding: TensorEncoding.None })
            .Select(column => column.ValueKey).ToHashSet(StringComparer.Ordinal);
        foreach (var (key, feature) in record.Features.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            var values = feature.Kind switch
            {
                TfKind.Int64 => feature.Int64s.Take(8).Select(value => value.ToString(CultureInfo.InvariantCulture)),
                TfKind.Float => feature.Floats.Take(8).Select(value => value.ToString(CultureInfo.InvariantCulture)),
                _ when texts.Contains(key) => feature.Bytes.Take(8).Select(value => "\"" + Encoding.UTF8.GetString(value.Span) + "\""),
                _ => feature.Bytes.Take(8).Select(value => $"<{value.Length} bytes>"),
            };
            Line(key, $"{feature.Count} x {feature.Kind}: {string.Join(", ", values)}{(feature.Count > 8 ? ", ..." : "")}");
        }
    }

    private static void Line(string label, string text) => Console.Out.WriteLine($"{ShownText.Of(label),-14}{ShownText.Of(text, 2000)}");
}
