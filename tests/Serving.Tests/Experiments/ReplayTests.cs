using System.Globalization;
using Serving.Experiments;
using Serving.Models;

namespace Serving.Tests.Experiments;

/// <summary>"ab replay": a decision comes out again from its pairs, or it is told what does not agree.</summary>
public sealed class ReplayTests : IDisposable
{
    private readonly ExperimentFolder _folder = new();

    private string Log => Path.Combine(_folder.Root, "student@2.jsonl");

    [Fact]
    public void Every_decision_of_the_gate_comes_out_again_also_when_more_pairs_have_come_since()
    {
        var promoted = _folder.Compare(2, PairSamples.Many(2000, 0));
        _folder.Compare(3, PairSamples.Many(2000, -0.4));
        _folder.Compare(4, PairSamples.Many(50, -0.05), new GateRules { Margin = 0.05, MinPairs = 10, MaxPairs = 50 });
        _folder.Decisions.Append("student", new Decision(DecisionKind.Pin, 2, "operator", "for the demonstration"));
        using (var log = new PairLog(_folder.Root))
        {
            log.Append(PairSamples.Of(5000) with { IsPromoted = true });
        }

        var (code, output, error) = _folder.Run("replay");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"the same after {promoted.N} pairs", output, StringComparison.Ordinal);
        Assert.Contains("by operator: there is nothing to replay", output, StringComparison.Ordinal);
        Assert.Contains("4 decisions, 3 of the gate: 3 come out the same, 0 do not.", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pair_that_was_changed_afterwards_is_found()
    {
        _folder.Compare(2, PairSamples.Many(2000, 0));
        var lines = File.ReadAllLines(Log);
        lines[7] = lines[7].Replace("\"score\":0.", "\"score\":0.9", StringComparison.Ordinal);
        File.WriteAllLines(Log, lines);

        var (code, output, _) = _folder.Run("replay");

        Assert.Equal(1, code);
        Assert.Contains("DIFFERS", output, StringComparison.Ordinal);
        Assert.Contains("mean was ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_decision_that_the_evidence_does_not_carry_is_found()
    {
        var state = _folder.Compare(2, PairSamples.Many(2000, -0.4));
        var file = Directory.GetFiles(Path.Combine(_folder.Models, "student", "decisions")).Single();
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"kind\": \"roll-back\"", "\"kind\": \"promote\"", StringComparison.Ordinal));

        var (code, output, _) = _folder.Run("replay");

        Assert.Equal(GateDecision.RollBack, state.Decision);
        Assert.Equal(1, code);
        Assert.Contains("it was decided to promote, and the pairs say roll-back", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Pairs_that_are_gone_are_told()
    {
        var state = _folder.Compare(2, PairSamples.Many(2000, 0));
        File.WriteAllLines(Log, File.ReadAllLines(Log).Take(10));

        var (code, output, _) = _folder.Run("replay");

        Assert.Equal(1, code);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"its {state.Position} pairs are not there any more: the log has 10"), output, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_and_folders_that_are_not_there_are_errors()
    {
        _folder.Compare(2, PairSamples.Many(2000, 0));
        var lines = File.ReadAllLines(Log);
        File.WriteAllLines(Log, [lines[0], "nonsense", .. lines[2..]]);
        var damaged = _folder.Run("replay");
        var nowhere = Ab.Run("replay", "--models", _folder.Place("none"));
        File.WriteAllText(Path.Combine(_folder.Models, "student", "decisions", "2.json"), "{");
        File.WriteAllLines(Log, lines);
        var rejected = _folder.Run("replay");

        Assert.Equal((2, 2, 1), (damaged.Code, nowhere.Code, rejected.Code));
        Assert.Contains("line 2", damaged.Error, StringComparison.Ordinal);
        Assert.Contains("--models", nowhere.Error, StringComparison.Ordinal);
        Assert.Contains("2.json", rejected.Output, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
