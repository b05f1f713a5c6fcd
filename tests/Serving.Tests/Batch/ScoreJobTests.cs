using Serving.Batch;
using Serving.Scoring;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Batch;

public sealed class ScoreJobTests : IDisposable
{
    private static readonly string[] _pairs =
    [
        """{"id":"one","source":"abc","answer":"ab"}""",
        """{"id":2,"source":"abc","answer":"fail"}""",
        "",
        """{"source":"abc","answer":"é","kept":"ü"}""",
        "broken",
        """{"id":"five","source":"abcd","answer":"abc"}""",
    ];

    private readonly TemporaryFolder _folder = new();
    private readonly LengthScorer _length = new();
    private readonly CandidateScorer _scorer;

    public ScoreJobTests()
    {
        _scorer = new CandidateScorer(new Scorecard("test", [new("length", 1)]), [_length]);
        File.WriteAllText(Input, string.Join('\n', _pairs) + "\n");
    }

    private string Input => _folder.File("pairs.jsonl");

    private string Output => _folder.File("scores.jsonl");

    private string Sidecar => Output + ".progress";

    public void Dispose()
    {
        _folder.Dispose();
    }

    [Fact]
    public async Task A_run_killed_at_any_line_break_or_within_a_line_goes_on_to_the_same_file()
    {
        var summary = await Run();
        var (output, sidecar) = (await File.ReadAllBytesAsync(Output), await File.ReadAllBytesAsync(Sidecar));
        Assert.Equal(new ScoreSummary(Lines: 5, Errors: 2, Empty: 0, Resumed: 0), summary);
        var breaks = Enumerable.Range(0, output.Length + 1).Where(i => i == 0 || output[i - 1] == (byte)'\n').ToArray();
        foreach (var length in breaks.SelectMany(end => (int[])[end - 20, end - 1, end, end + 1]).Where(length => length >= 0 && length <= output.Length))
        {
            await File.WriteAllBytesAsync(Output, output[..length]);
            await File.WriteAllBytesAsync(Sidecar, sidecar);
            var whole = output.AsSpan(0, length).Count((byte)'\n');
            _length.Scored = 0;

            var resumed = await Run();

            Assert.Equal(new ScoreSummary(Lines: 5, Errors: 2, Empty: 0, Resumed: whole), resumed);
            Assert.Equal(output, await File.ReadAllBytesAsync(Output));
            Assert.Equal(sidecar, await File.ReadAllBytesAsync(Sidecar));
            Assert.Equal(_pairs.Where(line => line.Length > 0).Skip(whole).Count(line => line != "broken"), _length.Scored);
        }
    }

    [Fact]
    public async Task A_sidecar_cut_anywhere_costs_repeated_work_and_nothing_else()
    {
        await Run();
        var (output, sidecar) = (await File.ReadAllBytesAsync(Output), await File.ReadAllBytesAsync(Sidecar));
        for (var length = sidecar.AsSpan().IndexOf((byte)'\n') + 1; length <= sidecar.Length; length += 6)
        {
            await File.WriteAllBytesAsync(Output, output);
            await File.WriteAllBytesAsync(Sidecar, sidecar[..length]);

            await Run();

            Assert.Equal(output, await File.ReadAllBytesAsync(Output));
            Assert.Equal(sidecar, await File.ReadAllBytesAsync(Sidecar));
        }
    }

    [Fact]
    public async Task Lines_added_to_the_input_are_scored_by_the_next_run()
    {
        await Run();
        await File.AppendAllTextAsync(Input, """{"id":"six","source":"a","answer":"abcdef"}""");

        Assert.Equal(new ScoreSummary(Lines: 6, Errors: 2, Empty: 0, Resumed: 5), await Run());
        Assert.EndsWith("""{"id":"six","scores":{"length":6},"total":6}""" + "\n", await File.ReadAllTextAsync(Output), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_input_is_refused_and_the_output_kept()
    {
        await Run();
        var output = await File.ReadAllBytesAsync(Output);

        await File.WriteAllLinesAsync(Input, _pairs.Select(line => line.Replace("abcd", "abcx", StringComparison.Ordinal)));
        var changed = await Assert.ThrowsAsync<BatchException>(Run);
        await File.WriteAllLinesAsync(Input, _pairs[..2]);
        var shorter = await Assert.ThrowsAsync<BatchException>(Run);

        Assert.Contains("line 6 has changed", changed.Message);
        Assert.Contains("more lines than the input", shorter.Message);
        Assert.Equal(output, await File.ReadAllBytesAsync(Output));
    }

    [Fact]
    public async Task Scores_of_another_scorecard_are_not_mixed_in()
    {
        await Run();
        var output = await File.ReadAllBytesAsync(Output);
        var heavier = new CandidateScorer(new Scorecard("heavy", [new("length", 2)]), [_length]);

        var error = await Assert.ThrowsAsync<BatchException>(() => Run(heavier, window: 2));

        Assert.Contains("scorecard \"test\"", error.Message);
        Assert.Contains("now it is scorecard \"heavy\"", error.Message);
        Assert.Equal(output, await File.ReadAllBytesAsync(Output));
    }

    [Fact]
    public async Task A_file_that_is_not_ours_is_never_overwritten()
    {
        await File.WriteAllTextAsync(Output, "precious\n");
        Assert.Contains("scores.jsonl.progress, which says what it was made from, is missing", (await Assert.ThrowsAsync<BatchException>(Run)).Message);
        Assert.Equal("precious\n", await File.ReadAllTextAsync(Output));

        File.Delete(Output);
        await Run();
        await File.WriteAllTextAsync(Output, "{\"id\":\"other\"}\n");
        Assert.Contains("line 1 is not what was written there", (await Assert.ThrowsAsync<BatchException>(Run)).Message);
        Assert.Equal("{\"id\":\"other\"}\n", await File.ReadAllTextAsync(Output));
    }

    [Fact]
    public async Task A_second_run_on_the_same_output_is_refused()
    {
        _length.Gate = new TaskCompletionSource();
        var first = Run();

        var second = await Assert.ThrowsAsync<BatchException>(Run);
        _length.Gate.SetResult();

        Assert.Contains("cannot be opened for writing", second.Message);
        Assert.Equal(5, (await first).Lines);
    }

    [Fact]
    public async Task A_stopped_run_keeps_what_is_scored_and_goes_on_later()
    {
        using var stop = new CancellationTokenSource();
        _length.Gate = new TaskCompletionSource();
        _length.GateFrom = 2;
        var run = Run(_scorer, window: 2, stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        _length.Gate = null;

        Assert.Single(await File.ReadAllLinesAsync(Output));
        Assert.Equal(new ScoreSummary(Lines: 5, Errors: 2, Empty: 0, Resumed: 1), await Run());
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_an_error_and_the_next_one_is_scored()
    {
        await File.WriteAllLinesAsync(Input, [$$"""{"source":"{{new string('x', Line.Longest)}}","answer":"a"}""", _pairs[0]]);

        Assert.Equal(new ScoreSummary(Lines: 2, Errors: 1, Empty: 0, Resumed: 0), await Run());

        var lines = await File.ReadAllLinesAsync(Output);
        Assert.StartsWith("""{"id":1,"error":{"type":"invalid_line","message":"the line is longer than""", lines[0], StringComparison.Ordinal);
        Assert.Equal("""{"id":"one","scores":{"length":2},"total":2}""", lines[1]);
    }

    [Fact]
    public async Task Only_a_window_of_lines_is_in_flight()
    {
        await File.WriteAllLinesAsync(Input, Enumerable.Range(0, 100).Select(i => $$"""{"id":{{i}},"source":"s","answer":"{{new string('a', i)}}"}"""));
        _length.Gate = new TaskCompletionSource();
        var run = Run(_scorer, window: 5);

        Assert.Equal(5, _length.Scored);
        _length.Gate.SetResult();
        await run;

        Assert.Equal(
            Enumerable.Range(0, 100).Select(i => $$"""{"id":{{i}},"scores":{"length":{{i}}},"total":{{i}}}"""), await File.ReadAllLinesAsync(Output));
    }

    [Fact]
    public async Task Carriage_returns_a_byte_order_mark_and_bytes_that_are_not_utf8_are_told_apart()
    {
        await File.WriteAllBytesAsync(Input,
        [
            .. "\uFEFF"u8, .. """{"id":1,"source":"s","answer":"abc"}"""u8, .. "\r\n\r\n"u8,
            .. """{"id":2,"source":"s","answer":"""u8, (byte)'"', 0xFF, .. "\"}\r\n"u8,
        ]);

        Assert.Equal(new ScoreSummary(Lines: 2, Errors: 1, Empty: 0, Resumed: 0), await Run());
        var lines = await File.ReadAllLinesAsync(Output);
        Assert.Equal("""{"id":1,"scores":{"length":3},"total":3}""", lines[0]);
        Assert.Equal("""{"id":3,"error":{"type":"invalid_line","message":"the line is not valid UTF-8"}}""", lines[1]);
    }

    private Task<ScoreSummary> Run() => Run(_scorer, window: 3);

    private Task<ScoreSummary> Run(CandidateScorer scorer, int window) => Run(scorer, window, TestContext.Current.CancellationToken);

    private async Task<ScoreSummary> Run(CandidateScorer scorer, int window, CancellationToken cancellationToken)
    {
        using var input = JsonLinesInput.Open(Input);
        return await new ScoreJob(new PairWork(scorer), window).RunAsync(input, ScorePaths.Of(Output, composed: false), null, cancellationToken);
    }

    /// <summary>Length of the answer; fails on "fail"; can be held up from a given call on.</summary>
    private sealed class LengthScorer : ITextScorer
    {
        public int Scored { get; set; }

        public TaskCompletionSource? Gate { get; set; }

        public int GateFrom { get; set; } = 1;

        public string Name => "length";

        public string Digest => "length/1";

        public async Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken)
        {
            Scored++;
            if (Gate is { } gate && Scored >= GateFrom)
            {
                await gate.Task.WaitAsync(cancellationToken);
            }

            return answer == "fail" ? throw new InvalidOperationException("as asked") : answer.Length;
        }
    }
}
