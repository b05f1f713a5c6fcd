using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Episodes;
using static Serving.Episodes.FeatureWords;

namespace Serving.EpisodeTools;

/// <summary>
/// An RLDS dataset whose steps are tokens, an episode per candidate (SAR): a candidate of T tokens has T + 1 steps, the last of which only closes it.
/// The reward (the candidate's total) comes with the last token. Stateless.
/// </summary>
internal static class TokenExport
{
    private const string Name = "serving_tokens";
    private const string Version = "1.0.0";
    private const long ShardBytes = 256L << 20;

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    public static (long Written, string What, string Skipped) Write(IEnumerable<Episode> episodes, string root)
    {
        var folder = Path.Combine(root, Name, Version);
        DurableFile.CreateFolder(folder);
        DurableFile.Replace(Path.Combine(folder, "features.json"), Features());
        var lengths = new List<long>();
        var payloadBytes = 0L;
        using (var records = episodes.SelectMany(Records).GetEnumerator())
        {
            for (var more = records.MoveNext(); more;)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{Name}-train.tfrecord-{lengths.Count:D5}");
                var (count, bytes) = NewFile.Write(Path.Combine(folder, name), file =>
                {
                    var written = (Count: 0L, Bytes: 0L);
                    do
                    {
                        var frame = records.Current;
                        file.Write(frame.Memory.Span);
                        written = (written.Count + 1, written.Bytes + frame.PayloadBytes);
                        frame.Return();
                        more = records.MoveNext();
                    }
                    while (more && file.Length < ShardBytes);
                    return written;
                });
                lengths.Add(count);
                payloadBytes += bytes;
            }
        }

        // Last: without it the folder is no dataset, so a broken-off export is none.
        DurableFile.Replace(Path.Combine(folder, "dataset_info.json"), Info(lengths, payloadBytes));
        return (lengths.Sum(), "token episodes", "");
    }

    private static IEnumerable<EncodedFrame> Records(Episode episode) =>
        Enumerable.Range(0, episode.Candidates.Count).Select(index => Record(episode, index));

    private static EncodedFrame Record(Episode episode, int index)
    {
        var candidate = episode.Candidates[index];
        var tokens = candidate.Tokens;
        var steps = tokens.Length + 1;
        var ended = candidate.Finished && !episode.Invalid;
        var discounts = new float[steps];
        Array.Fill(discounts, 1, 0, tokens.Length);
        var rewards = new float[steps];
        if (tokens.Length > 0)
        {
            rewards[^2] = (float)candidate.Total;
            discounts[^2] = ended ? 0 : 1;
        }

        using var record = new ExampleWriter();
        record.Bytes("agent_id"u8, Utf8(episode.Policy));
        record.Int64("candidate"u8, index);
        record.Int64("chosen"u8, episode.Chosen == index ? 1 : 0);
        record.Int64("created_unix_ns"u8, (episode.Created.UtcTicks - DateTime.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick);
        record.Bytes("environment_config"u8, Utf8(episode.Scorecard));
        record.Bytes("episode_id"u8, Utf8(string.Create(CultureInfo.InvariantCulture, $"{episode.Id}/{index}")));
        record.Bytes("experiment_id"u8, Utf8(episode.Experiment));
        record.Bytes("group_id"u8, Utf8(episode.Id));
        record.Int64("invalid"u8, episode.Invalid ? 1 : 0);
        record.Bytes("prompt"u8, Utf8(episode.Prompt));
        record.Int64("prompt_tokens"u8, Array.ConvertAll(episode.PromptTokens, token => (long)token));
        record.Bytes("source"u8, Utf8(episode.Source));
        record.Int64("steps/action"u8, [.. tokens.Select(token => (long)token), 0]);
        record.Float("steps/discount"u8, discounts);
        record.Int64("steps/is_first"u8, Flag(steps, 0, true));
        record.Int64("steps/is_last"u8, Flag(steps, steps - 1, true));
        record.Int64("steps/is_terminal"u8, Flag(steps, steps - 1, ended));
        record.Float("steps/logprob"u8, [.. candidate.LogProbs, 0]);
        record.Int64("steps/observation/token"u8, [episode.PromptTokens is [.., var last] ? last : -1, .. tokens.Select(token => (long)token)]);
        record.Float("steps/reward"u8, rewards);
        record.Float("steps/sampled_logprob"u8, [.. candidate.SampledLogProbs, 0]);
        record.Float("total"u8, (float)candidate.Total);
        return record.Finish();
    }

    private static long[] Flag(int steps, int at, bool set)
    {
        var flags = new long[steps];
        flags[at] = set ? 1 : 0;
        return flags;
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Features() => FeatureWords.ToJson(
        Dict(
            ("agent_id", Text()),
            ("candidate", ScalarOf("int32")),
            ("chosen", ScalarOf("bool")),
            ("created_unix_ns", ScalarOf("int64")),
            ("environment_config", Text()),
            ("episode_id", Text()),
            ("experiment_id", Text()),
            ("group_id", Text()),
            ("invalid", ScalarOf("bool")),
            ("prompt", Text()),
            ("prompt_tokens", Sequence(ScalarOf("int32"))),
            ("source", Text()),
            ("steps", Steps(Dict(
                ("action", ScalarOf("int32")),
                ("discount", ScalarOf("float32")),
                ("is_first", ScalarOf("bool")),
                ("is_last", ScalarOf("bool")),
                ("is_terminal", ScalarOf("bool")),
                ("logprob", ScalarOf("float32")),
                ("observation", Dict(("token", ScalarOf("int32")))),
                ("reward", ScalarOf("float32")),
                ("sampled_logprob", ScalarOf("float32"))))),
            ("total", ScalarOf("float32"))));

    private static byte[] Info(List<long> lengths, long payloadBytes) => JsonSerializer.SerializeToUtf8Bytes(
        new JsonObject
        {
            ["description"] = "Candidates of Best-of-N requests, token by token. One record is one candidate.",
            ["fileFormat"] = "tfrecord",
            ["name"] = Name,
            ["splits"] = new JsonArray(new JsonObject
            {
                ["filepathTemplate"] = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}",
                ["name"] = "train",
                ["numBytes"] = payloadBytes.ToString(CultureInfo.InvariantCulture),
                ["shardLengths"] = new JsonArray([.. lengths.Select(length => (JsonNode)length.ToString(CultureInfo.InvariantCulture))]),
            }),
            ["version"] = Version,
        },
        _indented);
}
