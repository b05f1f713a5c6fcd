using System.Text;
using Serving.Experiments;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>Pairs are on disk once, whole and in order, whatever happens to the process in between.</summary>
public sealed class PairLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Root => _folder.File("experiments");

    private string File => Path.Combine(Root, "student@2.jsonl");

    [Fact]
    public void What_was_appended_is_read_back_equal_and_in_order_while_the_log_is_open()
    {
        using var log = new PairLog(Root);
        var pairs = PairSamples.Many(20, 0.1).Append(PairSamples.Of(20) with { CandidateWasSeen = null, CandidateShare = null, Quantile = null, Judge = null, IsPromoted = true }).ToArray();
        var bare = new Pair
        {
            Id = "Ü \"quoted\"\n",
            Time = DateTimeOffset.UnixEpoch,
            Candidate = new ComparedAnswer { Arm = "student@2", Score = 0, IsEmpty = true },
            Baseline = new ComparedAnswer { Arm = "b", Score = 1 },
        };

        Assert.All(pairs.Append(bare), pair => Assert.True(log.Append(pair)));

        Assert.Equal(pairs.Append(bare), PairLog.Read(Root, "student@2"));
        Assert.Equal(22, System.IO.File.ReadAllLines(File).Length);
    }

    [Fact]
    public void Each_candidate_has_its_own_file_and_they_are_listed_by_number()
    {
        using var log = new PairLog(Root);
        foreach (var arm in (string[])["student@10", "student@9", "other@1"])
        {
            log.Append(PairSamples.Of(1, arm: arm));
        }

        Assert.Equal(["other@1", "student@9", "student@10"], PairLog.Candidates(Root));
        Assert.Equal("student@9", Assert.Single(PairLog.Read(Root, "student@9")).Candidate.Arm);
        Assert.Empty(PairLog.Read(Root, "student@8"));
        Assert.Empty(PairLog.Candidates(_folder.File("nowhere")));
    }

    [Fact]
    public void A_pair_with_an_id_that_is_there_is_ignored_also_after_a_restart()
    {
        using (var log = new PairLog(Root))
        {
            Assert.True(log.Append(PairSamples.Of(1, candidate: 0.1)));
            Assert.False(log.Append(PairSamples.Of(1, candidate: 0.9)));
        }

        using var again = new PairLog(Root);
        Assert.False(again.Append(PairSamples.Of(1, candidate: 0.9)));
        Assert.True(again.Append(PairSamples.Of(2)));

        Assert.Equal([0.1, 0.5], PairLog.Read(Root, "student@2").Select(pair => pair.Candidate.Score));
    }

    [Fact]
    public void A_tail_torn_anywhere_is_cut_and_the_log_goes_on()
    {
        Write(3);
        var whole = System.IO.File.ReadAllBytes(File);
        var last = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;

        for (var length = last; length < whole.Length; length += 7)
        {
            System.IO.File.WriteAllBytes(File, whole[..length]);
            Assert.Equal(2, PairLog.Read(Root, "student@2").Count);
            using (var log = new PairLog(Root))
            {
                Assert.True(log.Append(PairSamples.Of(2)));
            }

            Assert.Equal(whole, System.IO.File.ReadAllBytes(File));
        }
    }

    [Fact]
    public void A_last_line_of_zeros_as_a_power_cut_leaves_it_is_cut_too()
    {
        Write(3);
        using (var file = System.IO.File.Open(File, FileMode.Append))
        {
            file.Write([.. new byte[100], (byte)'\n']);
        }

        using var log = new PairLog(Root);
        Assert.True(log.Append(PairSamples.Of(3)));
        Assert.Equal(4, PairLog.Read(Root, "student@2").Count);
    }

    [Theory]
    [InlineData("{\"id\":", "this is no pair")]
    [InlineData("null", "the pair is null")]
    [InlineData("{\"id\":\"a\",\"time\":\"2026-01-01T00:00:00Z\",\"candidate\":{\"arm\":\"student@2\",\"score\":2},\"baseline\":{\"arm\":\"b\",\"score\":1}}", "\"score\" must lie in [0, 1]")]
    [InlineData("{\"id\":\"a\",\"time\":\"2026-01-01T00:00:00Z\",\"candidate\":{\"arm\":\"student@2\",\"score\":1}}", "baseline")]
    [InlineData("{\"id\":\"a\",\"id\":\"b\"}", "this is no pair")]
    public void Damage_in_the_middle_is_an_error_that_names_the_line_and_changes_nothing(string line, string reason)
    {
        Write(3);
        var lines = System.IO.File.ReadAllLines(File);
        System.IO.File.WriteAllLines(File, [lines[0], line, lines[2]]);
        var before = System.IO.File.ReadAllText(File);

        var read = Assert.Throws<ExperimentException>(() => PairLog.Read(Root, "student@2"));
        using var log = new PairLog(Root);
        Assert.Throws<ExperimentException>(() => log.Append(PairSamples.Of(9)));

        Assert.Contains($"{File}, line 2: ", read.Message, StringComparison.Ordinal);
        Assert.Contains(reason, read.Message, StringComparison.Ordinal);
        Assert.Equal(before, System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void A_pair_that_no_gate_could_use_is_refused_and_not_written()
    {
        using var log = new PairLog(Root);
        var good = PairSamples.Of(1);
        Pair[] bad =
        [
            good with { Id = "" },
            good with { Candidate = good.Candidate with { Score = double.NaN } },
            good with { Baseline = good.Baseline with { Score = 1.5 } },
            good with { Baseline = good.Baseline with { Arm = "" } },
            good with { Candidate = good.Candidate with { Support = -1 } },
            good with { Candidate = good.Candidate with { Contradiction = double.PositiveInfinity } },
            good with { Candidate = good.Candidate with { Repetition = 2 } },
            good with { Candidate = good.Candidate with { Tokens = -1 } },
            good with { Candidate = good.Candidate with { LatencyMilliseconds = double.NaN } },
            good with { Candidate = good.Candidate with { TokensSpent = -1 } },
            good with { Candidate = good.Candidate with { ProcessorSeconds = double.PositiveInfinity } },
            good with { Candidate = good.Candidate with { Arm = "student" } },
            good with { Candidate = good.Candidate with { Arm = "../student@1" } },
            good with { CandidateShare = 1.1 },
            good with { Quantile = -0.1 },
        ];

        Assert.All(bad, pair => Assert.Throws<ArgumentException>(() => log.Append(pair)));
        Assert.Empty(PairLog.Candidates(Root));
    }

    [Fact]
    public void A_second_writer_is_refused_and_told_what_to_do()
    {
        using var log = new PairLog(Root);
        log.Append(PairSamples.Of(1));
        using var second = new PairLog(Root);

        var refused = Assert.Throws<ExperimentException>(() => second.Append(PairSamples.Of(2)));

        Assert.Contains("Experiments:Root", refused.Message, StringComparison.Ordinal);
        Assert.Single(PairLog.Read(Root, "student@2"));
    }

    [Fact]
    public void A_file_that_is_deleted_is_a_new_start()
    {
        using var log = new PairLog(Root);
        log.Append(PairSamples.Of(1));
        System.IO.File.Delete(File);

        Assert.True(log.Append(PairSamples.Of(1, candidate: 0.9)));
        Assert.Equal(0.9, Assert.Single(PairLog.Read(Root, "student@2")).Candidate.Score);
    }

    [Fact]
    public async Task Many_threads_lose_no_pair_and_tear_none()
    {
        using var log = new PairLog(Root);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 25; i++)
            {
                log.Append(PairSamples.Of((thread * 20) + i));         // neighbours share five ids
            }
        })));

        Assert.Equal(Enumerable.Range(0, 165).Select(i => $"chatcmpl-{i}").Order(), PairLog.Read(Root, "student@2").Select(pair => pair.Id).Order());
        Assert.Equal(165, System.IO.File.ReadAllLines(File, Encoding.UTF8).Length);
    }

    public void Dispose() => _folder.Dispose();

    private void Write(int count)
    {
        using var log = new PairLog(Root);
        for (var i = 0; i < count; i++)
        {
            log.Append(PairSamples.Of(i));
        }
    }
}
