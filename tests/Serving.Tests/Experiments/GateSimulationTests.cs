using Serving.Experiments;
using Serving.Testing;

namespace Serving.Tests.Experiments;

/// <summary>
/// Simulated experiments, watched at every step: what the gate promises of its errors. The short form of "perf gate"; seeds are fixed, so nothing here is left to
/// chance.
/// </summary>
public sealed class GateSimulationTests
{
    private const int Experiments = 200;
    private const int Steps = 1000;
    private const int Allowed = 10;                                    // 5 % of the experiments

    /// <summary>Both arms are as good; with a margin of 0 neither decision is right.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Arms_that_are_equal_seldom_lead_to_a_decision_when_no_loss_is_allowed(ScoreShape shape) =>
        Assert.InRange(Decided(shape, difference: 0, margin: 0).Values.Sum(), 0, Allowed);

    /// <summary>At the boundary neither decision is right either.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_candidate_just_at_the_margin_seldom_leads_to_a_decision(ScoreShape shape) =>
        Assert.InRange(Decided(shape, difference: -0.05, margin: 0.05).Values.Sum(), 0, Allowed);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_candidate_worse_by_twice_the_margin_is_seldom_promoted(ScoreShape shape) =>
        Assert.InRange(Decided(shape, difference: -0.1, margin: 0.05)[GateDecision.Promote], 0, Allowed);

    [Fact]
    public void A_candidate_as_good_as_the_baseline_is_promoted_and_one_much_worse_rolled_back()
    {
        var (good, bad) = (Decided(ScoreShape.Close, difference: 0, margin: 0.05), Decided(ScoreShape.Close, difference: -0.15, margin: 0.05));

        Assert.InRange(good[GateDecision.Promote], Experiments * 95 / 100, Experiments);
        Assert.InRange(bad[GateDecision.RollBack], Experiments * 95 / 100, Experiments);
    }

    [Fact]
    public void The_whole_gate_with_its_guardrails_keeps_its_error_too()
    {
        // Everything lies just at its margin, so that every decision is wrong.
        var rules = new GateRules { Margin = 0.05, MinPairs = 1, Guardrails = new GuardrailMargins { ShortestLength = 1, LongestLength = null } };
        var decided = 0;
        for (var experiment = 0; experiment < 100; experiment++)
        {
            var (random, gate) = (new Random(experiment), new PromotionGate(rules));
            for (var step = 0; step < Steps && gate.Decision is GateDecision.Hold; step++)
            {
                gate.Add(Boundary(random, step));
            }

            decided += gate.Decision is GateDecision.Hold ? 0 : 1;
        }

        Assert.InRange(decided, 0, 5);
    }

    [Fact]
    public void Looking_at_every_step_with_a_fixed_sample_interval_would_break_the_promise()
    {
        // The test of the tests: the same streams, judged by mean +- 1.96 standard errors from the 50th pair on.
        var decided = 0;
        for (var experiment = 0; experiment < Experiments; experiment++)
        {
            var (sum, squares, isOut) = (0.0, 0.0, false);
            var random = new Random(experiment);
            for (var n = 1; n <= Steps && !isOut; n++)
            {
                var d = ScoreShape.WinOrLoss.Draw(random, 0);
                sum += d;
                squares += d * d;
                isOut = n >= 50 && Math.Abs(sum / n) > 1.96 * Math.Sqrt(((squares / n) - (sum / n * (sum / n))) / n);
            }

            decided += isOut ? 1 : 0;
        }

        Assert.InRange(decided, Allowed * 3, Experiments);
    }

    public static TheoryData<ScoreShape> Shapes => [ScoreShape.Close, ScoreShape.Wide, ScoreShape.WinOrLoss];

    private static Dictionary<GateDecision, int> Decided(ScoreShape shape, double difference, double margin)
    {
        var decided = Enum.GetValues<GateDecision>().ToDictionary(decision => decision, _ => 0);
        decided.Remove(GateDecision.Hold);
        for (var experiment = 0; experiment < Experiments; experiment++)
        {
            var (random, sequence) = (new Random(experiment), new PairedInterval(0.05));
            for (var n = 1; n <= Steps; n++)
            {
                var decision = MarginRule.Decide(sequence.AddDifference(shape.Draw(random, difference)), n, margin, minPairs: 1);
                if (decision is not GateDecision.Hold)
                {
                    decided[decision]++;
                    break;
                }
            }
        }

        return decided;
    }

    private static Pair Boundary(Random random, int number)
    {
        double Around(double mean) => mean + (0.2 * (random.NextDouble() - 0.5));
        var pair = PairSamples.Of(number, Around(0.45), Around(0.5));
        var fails = random.NextDouble() < 0.05;
        return pair with
        {
            Candidate = pair.Candidate with { Support = Around(0.65), Contradiction = Around(0.25), Repetition = Around(0.25), IsEmpty = fails, Tokens = random.Next(30, 51) },
            Baseline = pair.Baseline with { Support = Around(0.7), Contradiction = Around(0.2), Repetition = Around(0.2), Tokens = random.Next(30, 51) },
            CandidateWasSeen = random.Next(2) == 0,
        };
    }
}
