using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>"ab decide" lets anybody check the gate's rule on pairs of their own.</summary>
public sealed class DecideTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Pairs => _folder.File("pairs.jsonl");

    [Fact]
    public void Every_pair_gives_a_line_with_the_golden_interval_on_the_scale_of_differences()
    {
        // Differences whose image on [0,1] is the stream of the golden numbers.
        Write(Enumerable.Range(1, 1000).Select(t => (2 * (7 * t % 10 / 9.0)) - 1).Select(d => (Math.Max(0, -d), Math.Max(0, d))));

        var lines = Decide("--margin", "0.05");

        Assert.Equal(Enumerable.Range(1, 1000), lines.Select(line => (int)line["n"]!));
        Assert.Equal((-1, 1), ((double)lines[9]["lower"]!, (double)lines[9]["upper"]!));
        Assert.Equal((2 * 0.38209727) - 1, (double)lines[99]["lower"]!, 7);
        Assert.Equal((2 * 0.61645796) - 1, (double)lines[99]["upper"]!, 7);
        Assert.Equal((2 * 0.46282215) - 1, (double)lines[999]["lower"]!, 7);
        Assert.Equal((2 * 0.53740074) - 1, (double)lines[999]["upper"]!, 7);
        Assert.Equal(["n", "lower", "upper", "decision"], lines[0].AsObject().Select(member => member.Key));
    }

    [Theory]
    [InlineData(0.0, "promote")]
    [InlineData(-0.3, "roll-back")]
    public void Each_line_is_the_rule_applied_to_its_own_interval(double difference, string expected)
    {
        const double Margin = 0.1;
        Write(PairSamples.Many(1500, difference).Select(pair => (pair.Baseline.Score, pair.Candidate.Score)));

        var lines = Decide("--margin", "0.1", "--min-pairs", "300");

        foreach (var line in lines)
        {
            var (n, lower, upper) = ((int)line["n"]!, (double)line["lower"]!, (double)line["upper"]!);
            Assert.Equal(upper < -Margin ? "roll-back" : lower >= -Margin && n >= 300 ? "promote" : "hold", (string?)line["decision"]);
        }

        Assert.Equal(expected, (string?)lines[^1]["decision"]);
        Assert.Equal("hold", (string?)lines[0]["decision"]);
    }

    [Fact]
    public void The_minimum_is_200_pairs_unless_another_is_given_and_the_help_says_so()
    {
        Write(Enumerable.Repeat((0.0, 1.0), 250));

        var usual = Decide("--margin", "0.05").Select(line => (string?)line["decision"]).ToList();
        var first = Decide("--margin", "0.05", "--min-pairs", "1").Select(line => (string?)line["decision"]).ToList();

        Assert.Equal(199, usual.IndexOf("promote"));
        Assert.InRange(first.IndexOf("promote"), 1, 30);
        Assert.Contains("200", Ab.Run("decide", "--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_smaller_error_and_drift_make_the_interval_wider()
    {
        Write(PairSamples.Many(400, 0).Select(pair => (pair.Baseline.Score, pair.Candidate.Score)));

        double Width(params string[] options) => Decide(["--margin", "0", .. options])[^1] is var last ? (double)last["upper"]! - (double)last["lower"]! : 0;

        Assert.True(Width() < Width("--alpha", "0.001"));
        Assert.True(Width() < Width("--drift"));
    }

    [Theory]
    [InlineData("not json", "this is not JSON")]
    [InlineData("[1, 2]", "this is a JSON Array")]
    [InlineData("{\"best_of_n\": 0.5}", "\"distilled\" is missing")]
    [InlineData("{\"distilled\": 0.5}", "\"best_of_n\" is missing")]
    [InlineData("{\"best_of_n\": 0.5, \"distilled\": 1.5}", "\"distilled\" is 1.5, not in [0, 1]")]
    [InlineData("{\"best_of_n\": -0.1, \"distilled\": 0.5}", "\"best_of_n\" is -0.1, not in [0, 1]")]
    [InlineData("{\"best_of_n\": \"0.5\", \"distilled\": 0.5}", "\"best_of_n\" is \"0.5\", not a number")]
    [InlineData("{\"best_of_n\": null, \"distilled\": 0.5}", "\"best_of_n\" is null, not a number")]
    [InlineData("{\"best_of_n\": NaN, \"distilled\": 0.5}", "this is not JSON")]
    [InlineData("{\"best_of_n\": 1e999, \"distilled\": 0.5}", "\"best_of_n\" is 1e999, not in [0, 1]")]
    [InlineData("{\"best_of_n\": 0.5, \"best_of_n\": 0.6, \"distilled\": 0.5}", "this is not JSON")]
    public void A_wrong_line_is_named_with_its_number_after_the_lines_before_it(string line, string reason)
    {
        File.WriteAllLines(Pairs, ["{\"best_of_n\": 0.5, \"distilled\": 0.5}", "", line, "{\"best_of_n\": 0.5, \"distilled\": 0.5}"]);

        var (code, output, error) = Ab.Run("decide", "--pairs", Pairs, "--margin", "0.05");

        Assert.Equal(2, code);
        Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains($"{Pairs}, line 3: {reason}", error, StringComparison.Ordinal);
        Assert.Contains("each line is like", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_empty_missing_or_not_text_is_an_error()
    {
        File.WriteAllText(Pairs, "\n\n");
        var empty = Ab.Run("decide", "--pairs", Pairs, "--margin", "0.05");
        var missing = Ab.Run("decide", "--pairs", _folder.File("none.jsonl"), "--margin", "0.05");
        File.WriteAllBytes(Pairs, [0x7b, 0xff, 0xfe, 0x0a]);
        var binary = Ab.Run("decide", "--pairs", Pairs, "--margin", "0.05");

        Assert.Equal((2, 2, 2), (empty.Code, missing.Code, binary.Code));
        Assert.Contains("has no pairs", empty.Error, StringComparison.Ordinal);
        Assert.Contains("none.jsonl", missing.Error, StringComparison.Ordinal);
        Assert.Contains("not UTF-8", binary.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--margin", "-0.1", "--margin must lie in [0, 1]")]
    [InlineData("--margin", "NaN", "--margin must lie in [0, 1]")]
    [InlineData("--margin", "wide", "wide")]
    [InlineData("--alpha", "0", "--alpha must lie strictly between 0 and 1")]
    [InlineData("--alpha", "1", "--alpha must lie strictly between 0 and 1")]
    [InlineData("--min-pairs", "0", "--min-pairs must be 1 or more")]
    public void An_option_out_of_its_range_is_refused_before_anything_is_read(string option, string value, string message)
    {
        Write([(0.5, 0.5)]);
        string[] margin = option == "--margin" ? [] : ["--margin", "0.05"];

        var (code, output, error) = Ab.Run(["decide", "--pairs", Pairs, .. margin, option, value]);

        Assert.NotEqual(0, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("\"n\": 1", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_has_the_verb()
    {
        Write([(0.5, 0.75), (0.5, 0.25)]);

        await using var program = ServerProcess.Launch("ab", "decide", "--pairs", Pairs, "--margin", "0.05");
        await program.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, program.ExitCode);
        Assert.Equal(
            ["{\"n\": 1, \"lower\": -1, \"upper\": 1, \"decision\": \"hold\"}", "{\"n\": 2, \"lower\": -1, \"upper\": 1, \"decision\": \"hold\"}"], program.Output.Split('\n'));
    }

    public void Dispose() => _folder.Dispose();

    private void Write(IEnumerable<(double BestOfN, double Distilled)> pairs) => File.WriteAllLines(
        Pairs, pairs.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{{\"best_of_n\": {pair.BestOfN:R}, \"distilled\": {pair.Distilled:R}}}")));

    private JsonNode[] Decide(params string[] options)
    {
        var (code, output, error) = Ab.Run(["decide", "--pairs", Pairs, .. options]);
        Assert.Equal((0, ""), (code, error));
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }
}
