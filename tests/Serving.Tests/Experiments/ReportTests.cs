using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Serving.Experiments;
using Serving.Models;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>"ab report" and GET /v1/experiments tell the same, from what lies on disk.</summary>
public sealed partial class ReportTests : IDisposable
{
    private readonly ExperimentFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void The_report_tells_evidence_costs_guardrails_effective_n_and_decisions()
    {
        var promoted = _folder.Compare(2, PairSamples.Many(2000, 0));
        using (var log = new PairLog(_folder.Root))
        {
            foreach (var pair in PairSamples.Many(300, 0.05, seed: 3))
            {
                log.Append(pair with { Id = "later-" + pair.Id, IsPromoted = true });
            }
        }

        var rolledBack = _folder.Compare(3, PairSamples.Many(2000, -0.4));
        var (code, output, error) = _folder.Run("report", "--json", _folder.Place("report.json"));

        Assert.Equal((0, ""), (code, error));
        var report = JsonNode.Parse(File.ReadAllText(_folder.Place("report.json")))!;
        var (second, third) = (report["candidates"]![0]!, report["candidates"]![1]!);
        Assert.Equal(("student@2", "student@3"), ((string?)second["candidate"], (string?)third["candidate"]));
        Assert.Equal(promoted.Position + 300, (int)second["pairs"]!);
        Assert.Equal([false, true], second["stretches"]!.AsArray().Select(stretch => (bool)stretch!["state"]!["is_promoted"]!));
        Assert.Equal([promoted.N, 300], second["stretches"]!.AsArray().Select(stretch => (int)stretch!["state"]!["n"]!));
        Assert.Equal((promoted.Lower, "promote"), ((double)second["stretches"]![0]!["state"]!["lower"]!, (string?)second["stretches"]![0]!["state"]!["decision"]));
        Assert.Equal((rolledBack.Upper, "roll-back"), ((double)third["stretches"]![0]!["state"]!["upper"]!, (string?)third["stretches"]![0]!["state"]!["decision"]));
        Assert.Equal(3, (double)second["effective_n"]!["value"]!, 9);
        Assert.InRange((double)second["effective_n"]!["lower"]!, 2, 3);
        Assert.InRange((double)second["stretches"]![0]!["state"]!["candidate_costs"]!["p95_latency_milliseconds"]!, 20, 20.3);
        Assert.Equal(640, (double)second["stretches"]![0]!["state"]!["baseline_costs"]!["tokens_per_answer"]!, 6);
        Assert.Equal(["promote", "roll-back"], report["decisions"]!.AsArray().Select(decision => (string?)decision!["kind"]));
        Assert.Equal([promoted.N, rolledBack.N], report["decisions"]!.AsArray().Select(decision => (int)decision!["pairs"]!));

        var course = second["stretches"]![0]!["course"]!.AsArray().Select(point => (int)point!["n"]!).ToArray();
        Assert.Equal((1, promoted.N), (course[0], course[^1]));
        Assert.Equal(course.Order().Distinct(), course);
        Assert.True(course.Length is > 20 and < 300);

        foreach (var word in (string[])["student@2", "student@2 (watch)", "student@3", "best-of-16:anchor@1", "promote", "roll-back", "support", "length", "Guardrails", "Decisions"])
        {
            Assert.Contains(word, output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_page_stands_alone_is_well_formed_and_shows_names_as_text()
    {
        _folder.Compare(2, PairSamples.Many(600, 0).Select(pair => pair with { Judge = "<script>alert(1)</script>" }));

        Assert.Equal(0, _folder.Run("report", "--html", _folder.Place("report.html")).Code);

        var page = File.ReadAllText(_folder.Place("report.html"));
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotMatch(Elsewhere(), page);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        var body = XDocument.Parse(page[page.IndexOf("<body>", StringComparison.Ordinal)..].Replace("</html>", "", StringComparison.Ordinal));
        Assert.Equal(11, body.Descendants("svg").Count());             // course, wins, 4 costs, 5 guardrails
        Assert.All(body.Descendants().Attributes().Where(attribute => attribute.Name == "points"), points => Assert.DoesNotContain("NaN", points.Value, StringComparison.Ordinal));
        Assert.Contains(body.Descendants("text"), text => text.Value.Trim() == "promote");
    }

    [Fact]
    public void Before_anything_was_compared_the_report_says_so()
    {
        var (code, output, _) = _folder.Run("report", "--html", _folder.Place("report.html"));

        Assert.Equal(0, code);
        Assert.Contains("Nothing was compared yet.", output, StringComparison.Ordinal);
        Assert.Contains("Nothing was compared yet.", File.ReadAllText(_folder.Place("report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_log_is_named_and_the_rest_is_shown()
    {
        _folder.Compare(2, PairSamples.Many(600, 0));
        _folder.Compare(3, PairSamples.Many(600, 0));
        var log = Path.Combine(_folder.Root, "student@2.jsonl");
        var lines = File.ReadAllLines(log);
        File.WriteAllLines(log, ["nonsense", .. lines[1..]]);

        var (code, output, _) = _folder.Run("report", "--html", _folder.Place("report.html"));

        Assert.Equal(1, code);
        Assert.Contains($"{log}, line 1", output, StringComparison.Ordinal);
        Assert.Contains("line 1", File.ReadAllText(_folder.Place("report.html")), StringComparison.Ordinal);
        Assert.Contains("student@3", output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_callers_met_is_told_by_arm_and_a_key_counts_once_in_the_check_of_shares()
    {
        Directory.CreateDirectory(_folder.Root);
        // One caller with 300 requests is one draw; 100 callers are as planned.
        var exposures = Enumerable.Range(0, 300).Select(i => Exposed($"busy-{i}", "busy", 0.5)).Concat(Enumerable.Range(0, 100).Select(i => Exposed($"other-{i}", $"caller {i}", 0.5)));
        File.WriteAllLines(Path.Combine(_folder.Root, "exposures.jsonl"), exposures.Select(exposure => System.Text.Json.JsonSerializer.Serialize(exposure, ExposureJson.Default.Exposure)));

        var report = new ExperimentReports(_folder.Decisions, new ExperimentOptions { Root = _folder.Root }, "student", _folder.Place("episodes")).Read();

        Assert.Equal(["best-of-n", "distilled"], report.Arms.Select(arm => arm.Arm));
        Assert.Equal(400, report.Arms.Sum(arm => arm.Requests));
        Assert.Equal((640, 40), (report.Arms[0].TokensPerAnswer, report.Arms[1].TokensPerAnswer));
        Assert.InRange(report.Arms[1].MedianMilliseconds, 20, 20.3);
        Assert.False(report.SampleRatioAlarm);
        Assert.Empty(report.Problems);
    }

    [Fact]
    public async Task The_server_tells_the_same_report()
    {
        var state = _folder.Compare(2, PairSamples.Many(2000, 0));
        await using var app = await new ServingApp(new Dictionary<string, string> { ["Experiments:Root"] = _folder.Root, ["Experiments:Gate"] = "Off" }).ReadyAsync(Token);
        new DecisionLog(new ModelStore(app.ModelsRoot, TimeProvider.System), TimeProvider.System).Append("student", new Decision(DecisionKind.Pin, 1, "operator", "to see it"));

        using var response = await app.Client.GetAsync(new Uri("/v1/experiments", UriKind.Relative), Token);
        var report = JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!;

        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(("off", 0.05), ((string?)report["gate"], (double)report["margin"]!));
        var candidate = Assert.Single(report["candidates"]!.AsArray())!;
        Assert.Equal(("student@2", state.Position), ((string?)candidate["candidate"], (int)candidate["pairs"]!));
        Assert.Equal(("pin", "student@1", "operator"), ((string?)report["decisions"]![0]!["kind"], (string?)report["decisions"]![0]!["candidate"], (string?)report["decisions"]![0]!["by"]));

        // A log that grows is read anew, and one that is damaged is told and is no failure.
        using (var log = new PairLog(_folder.Root))
        {
            log.Append(PairSamples.Of(5000));
        }

        Assert.Equal(state.Position + 1, (int)JsonNode.Parse(await app.Client.GetStringAsync(new Uri("/v1/experiments", UriKind.Relative), Token))!["candidates"]![0]!["pairs"]!);
        await File.AppendAllTextAsync(Path.Combine(_folder.Root, "student@2.jsonl"), "nonsense\nnonsense\n", Token);
        Assert.Contains($"student@2.jsonl, line {state.Position + 2}", await ProblemAsync(app), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<string> ProblemAsync(ServingApp app)
    {
        var report = JsonNode.Parse(await app.Client.GetStringAsync(new Uri("/v1/experiments", UriKind.Relative), Token))!;
        Assert.Empty(report["candidates"]!.AsArray());
        return (string)Assert.Single(report["problems"]!.AsArray())!;
    }

    private static Exposure Exposed(string id, string key, double share)
    {
        var assignment = Assignment.Of(key, "student@2", share);
        return assignment.Arm is Arm.Distilled
            ? new Exposure(id, DateTimeOffset.UnixEpoch, assignment, "student@2", 20, 40)
            : new Exposure(id, DateTimeOffset.UnixEpoch, assignment, "anchor@1", 200, 640);
    }

    [GeneratedRegex("(src|href|url\\()\\s*=?", RegexOptions.IgnoreCase)]
    private static partial Regex Elsewhere();
}
