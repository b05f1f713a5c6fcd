using System.Text.Json;
using Serving.Episodes;
using Serving.EpisodeTools;
using Serving.Testing;

namespace Serving.Tests.EpisodeTools;

[Collection("console")]
public sealed class ExportTests
{
    [Fact]
    public async Task Lines_hold_everything_that_was_logged()
    {
        var random = new Random(6);
        var episodes = Enumerable.Range(0, 60).Select(_ => EpisodeSamples.Random(random)).ToArray();
        using var folder = await ToolFolder.WithEpisodes(episodes, 1 << 16);
        var output = folder.Place("out/episodes.jsonl");

        var (code, told, _) = ToolFolder.Run("export", folder.Root, "--to", "jsonl", "--out", output);

        Assert.Equal(0, code);
        Assert.Equal($"60 episodes in {output}", told.Trim());
        var lines = await File.ReadAllLinesAsync(output, TestContext.Current.CancellationToken);
        Assert.Equal(episodes.Select(Plain).Select(EpisodeSamples.Describe), lines.Select(Parse).Select(EpisodeSamples.Describe));
    }

    [Fact]
    public async Task Pairs_are_best_against_worst_and_episodes_without_a_preference_are_left_out()
    {
        var usual = EpisodeSamples.Usual("a", 5, 4, new Random(2));
        var same = usual.Candidates.Select(candidate => candidate with { Total = 1 }).ToArray();
        using var folder = await ToolFolder.WithEpisodes(
            [usual, EpisodeSamples.Small("one"), usual with { Id = "broken", Invalid = true }, usual with { Id = "same", Candidates = same }]);
        var output = folder.Place("pairs.jsonl");

        var told = ToolFolder.Run("export", folder.Root, "--to", "trl", "--out", output).Output;

        Assert.StartsWith($"1 pairs in {output}; 3 episodes without a preference", told, StringComparison.Ordinal);
        using var pair = JsonDocument.Parse(Assert.Single(await File.ReadAllLinesAsync(output, TestContext.Current.CancellationToken)));
        var (best, worst) = (usual.Candidates.MaxBy(c => c.Total)!, usual.Candidates.MinBy(c => c.Total)!);
        Assert.Equal(usual.Prompt, pair.RootElement.GetProperty("prompt").GetString());
        Assert.Equal(best.Text, pair.RootElement.GetProperty("chosen").GetString());
        Assert.Equal(worst.Text, pair.RootElement.GetProperty("rejected").GetString());
        Assert.Equal(best.Total, pair.RootElement.GetProperty("score_chosen").GetDouble());
        Assert.Equal(worst.Total, pair.RootElement.GetProperty("score_rejected").GetDouble());
    }

    [Fact]
    public async Task Nothing_is_overwritten_and_a_damaged_log_leaves_no_half_a_file()
    {
        using var folder = await ToolFolder.WithSmall("a", "b");
        var output = folder.Place("x.jsonl");
        await File.WriteAllTextAsync(output, "mine", TestContext.Current.CancellationToken);
        Assert.Equal(2, ToolFolder.Run("export", folder.Root, "--to", "jsonl", "--out", output).Code);
        Assert.Equal("mine", await File.ReadAllTextAsync(output, TestContext.Current.CancellationToken));

        ToolFolder.Harm(folder.Shard(0), bytes => bytes[..^1]);
        var other = folder.Place("y.jsonl");
        var (code, _, error) = ToolFolder.Run("export", folder.Root, "--to", "jsonl", "--out", other);
        Assert.Equal(2, code);
        Assert.Contains("record 1 at byte", error, StringComparison.Ordinal);
        Assert.False(File.Exists(other));
        Assert.Empty(Directory.GetFiles(folder.Root, "*.tmp"));
    }

    /// <summary>JSON has one NaN; which bits it had is not told.</summary>
    private static Episode Plain(Episode episode) => episode with
    {
        Temperature = Plain(episode.Temperature),
        TopP = Plain(episode.TopP),
        MinP = Plain(episode.MinP),
        RepetitionPenalty = Plain(episode.RepetitionPenalty),
        PresencePenalty = Plain(episode.PresencePenalty),
        FrequencyPenalty = Plain(episode.FrequencyPenalty),
        Candidates = [.. episode.Candidates.Select(candidate => candidate with
        {
            LogProbs = [.. candidate.LogProbs.Select(Plain)],
            SampledLogProbs = [.. candidate.SampledLogProbs.Select(Plain)],
            Scores = [.. candidate.Scores.Select(score => KeyValuePair.Create(score.Key, Plain(score.Value)))],
        })],
    };

    private static float Plain(float value) => float.IsNaN(value) ? float.NaN : value;

    [Fact]
    public async Task A_parquet_file_has_a_row_per_candidate()
    {
        var random = new Random(4);
        var episodes = Enumerable.Range(0, 40).Select(_ => EpisodeSamples.Random(random)).Append(EpisodeSamples.Usual("u", 4, 3, random)).ToArray();
        using var folder = await ToolFolder.WithEpisodes(episodes);
        var output = folder.Place("candidates.parquet");

        var (code, told, error) = ToolFolder.Run("export", folder.Root, "--to", "parquet", "--out", output);

        Assert.True(code == 0, error);
        var rows = episodes.SelectMany(episode => episode.Candidates.Select((candidate, i) => (episode, candidate, i))).ToArray();
        Assert.Equal(FormattableString.Invariant($"{rows.Length:N0} candidates in {output}"), told.Trim());
        await using var file = File.OpenRead(output);
        await using var reader = await Parquet.ParquetReader.CreateAsync(file, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(1, reader.RowGroupCount);
        using var group = reader.OpenRowGroupReader(0);
        Assert.Equal(rows.Length, group.RowCount);
        Assert.Contains("score_reward", reader.Schema.Fields.Select(field => field.Name));
    }

    [Fact]
    public async Task A_token_dataset_is_sound_and_has_the_tokens_rewards_and_ends_of_every_candidate()
    {
        var random = new Random(11);
        var episodes = Enumerable.Range(0, 30).Select(_ => EpisodeSamples.Random(random)).ToArray();
        using var folder = await ToolFolder.WithEpisodes(episodes);
        var output = folder.Place("tokens");

        var (code, _, error) = ToolFolder.Run("export", folder.Root, "--to", "rlds-token", "--out", output);

        Assert.True(code == 0, error);
        Assert.Empty(new DatasetVerifier(RldsFolder.Open(output)).Run().Findings);
        Assert.True(SpecFill.IsValidRlds(RldsFolder.Open(output).Features!));
        var expected = episodes.SelectMany(episode => episode.Candidates.Select((candidate, i) => (episode, candidate, i))).ToArray();
        var read = RldsReader.Read(output).ToArray();
        Assert.Equal(expected.Length, read.Length);
        foreach (var ((episode, candidate, index), tokens) in expected.Zip(read))
        {
            Assert.Equal($"{episode.Id}/{index}", tokens.Metadata["episode_id"].Text);
            Assert.Equal(episode.PromptTokens.Select(token => (double)token), tokens.Metadata["prompt_tokens"].ToDoubles());
            Assert.Equal(candidate.Tokens.Length + 1, tokens.Steps.Count);
            Assert.Equal(candidate.Tokens.Select(token => (double)token), tokens.Steps.SkipLast(1).Select(step => step["action"].Number));
            Assert.Equal(candidate.LogProbs.Select(value => (double)value), tokens.Steps.SkipLast(1).Select(step => step["logprob"].Number));
            Assert.Equal(candidate.Finished && !episode.Invalid, tokens.Steps[^1].Is("is_terminal"));
            if (candidate.Tokens.Length > 0)
            {
                Assert.Equal((float)candidate.Total, tokens.Steps[^2]["reward"].Number);
            }
        }
    }

    private static Episode Parse(string line)
    {
        using var document = JsonDocument.Parse(line);
        var json = document.RootElement;
        return new Episode
        {
            Id = Text(json, "id"),
            Created = json.GetProperty("created").GetDateTimeOffset(),
            Policy = Text(json, "policy"),
            PolicyDigest = Text(json, "policy_digest"),
            Scorecard = Text(json, "scorecard"),
            ScorecardDigest = Text(json, "scorecard_digest"),
            Experiment = Text(json, "experiment"),
            Invalid = json.GetProperty("invalid").GetBoolean(),
            Independent = json.GetProperty("independent").GetBoolean(),
            Source = Text(json, "source"),
            Prompt = Text(json, "prompt"),
            PromptTokens = Ints(json, "prompt_tokens"),
            Seed = json.GetProperty("seed").GetUInt64(),
            Temperature = Float(json.GetProperty("temperature")),
            TopK = json.GetProperty("top_k").GetInt32(),
            TopP = Float(json.GetProperty("top_p")),
            MinP = Float(json.GetProperty("min_p")),
            RepetitionPenalty = Float(json.GetProperty("repetition_penalty")),
            PresencePenalty = Float(json.GetProperty("presence_penalty")),
            FrequencyPenalty = Float(json.GetProperty("frequency_penalty")),
            HasLogitBias = json.GetProperty("logit_bias").GetBoolean(),
            IgnoreEos = json.GetProperty("ignore_eos").GetBoolean(),
            MaxTokens = json.GetProperty("max_tokens").GetInt32(),
            ResponseFormat = Text(json, "response_format"),
            TraceId = Text(json, "trace_id"),
            RequestDigest = Text(json, "request_digest"),
            Chosen = json.GetProperty("chosen").GetInt32(),
            Metadata = json.GetProperty("metadata").EnumerateObject().ToDictionary(m => m.Name, m => Text(m.Value)),
            Candidates = [.. json.GetProperty("candidates").EnumerateArray().Select(candidate => new EpisodeCandidate
            {
                Text = Text(candidate, "text"),
                Tokens = Ints(candidate, "tokens"),
                LogProbs = [.. candidate.GetProperty("logprobs").EnumerateArray().Select(Float)],
                SampledLogProbs = [.. candidate.GetProperty("sampled_logprobs").EnumerateArray().Select(Float)],
                Finished = candidate.GetProperty("finished").GetBoolean(),
                Total = Double(candidate.GetProperty("total")),
                Scores = [.. candidate.GetProperty("scores").EnumerateObject().Select(s => KeyValuePair.Create(s.Name, Float(s.Value)))],
            })],
        };
    }

    private static string Text(JsonElement json, string name) => Text(json.GetProperty(name));

    /// <summary>By JSON's rules alone, since the runtime's own reader refuses a lone half of a pair.</summary>
    private static string Text(JsonElement json)
    {
        var raw = json.GetRawText()[1..^1];
        return System.Text.RegularExpressions.Regex.Replace(raw, """\\(u([0-9a-fA-F]{4})|.)""", match => match.Groups[2].Success
            ? ((char)Convert.ToUInt16(match.Groups[2].Value, 16)).ToString()
            : match.Groups[1].Value switch { "n" => "\n", "r" => "\r", "t" => "\t", "b" => "\b", "f" => "\f", var other => other });
    }

    private static int[] Ints(JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];

    private static double Double(JsonElement json) => json.ValueKind is JsonValueKind.Number ? json.GetDouble() : json.GetString() switch
    {
        "NaN" => double.NaN,
        "Infinity" => double.PositiveInfinity,
        _ => double.NegativeInfinity,
    };

    private static float Float(JsonElement json) => json.ValueKind is JsonValueKind.Number ? json.GetSingle() : (float)Double(json);
}
