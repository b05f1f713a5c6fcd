using Serving.Experiments;

namespace Serving.Tests.Experiments;

/// <summary>The gate promotes on evidence only, rolls back on evidence only, and says why.</summary>
public sealed class PromotionGateTests
{
    private static readonly GateRules _plain = new() { Margin = 0.05 };
    private static readonly GateRules _full = new() { Margin = 0.05, Guardrails = new GuardrailMargins(), MustBeCheaper = true, Kl = 1, KlBudget = 2.75 };

    [Fact]
    public void A_candidate_as_good_as_the_baseline_is_promoted_once_there_are_enough_pairs()
    {
        var gate = new PromotionGate(_full);
        var decisions = new List<GateDecision>();
        foreach (var pair in PairSamples.Many(2000, 0))
        {
            gate.Add(pair);
            decisions.Add(gate.Decision);
        }

        var first = decisions.IndexOf(GateDecision.Promote);
        Assert.InRange(first, 199, 1500);
        Assert.DoesNotContain(GateDecision.RollBack, decisions);
        Assert.True(gate.IsFinal);
        Assert.Contains("nothing stands against it", Assert.Single(gate.State().Reasons), StringComparison.Ordinal);
    }

    [Fact]
    public void A_clear_case_still_waits_for_the_minimum_number_of_pairs()
    {
        var gate = new PromotionGate(_plain);
        var rule = new PairedInterval(_plain.Alpha);
        var early = false;
        foreach (var pair in PairSamples.Many(199, 0.5))
        {
            gate.Add(pair);
            early |= rule.AddDifference(pair.Candidate.Score - pair.Baseline.Score).Lower >= -0.05;
            Assert.Equal(GateDecision.Hold, gate.Decision);
        }

        Assert.True(early);
        Assert.Equal("199 of the 200 pairs that a promotion needs.", Assert.Single(gate.State().Reasons));
        gate.Add(PairSamples.Of(200, candidate: 1));
        Assert.Equal(GateDecision.Promote, gate.Decision);
    }

    [Fact]
    public void A_candidate_that_is_clearly_worse_is_rolled_back_without_waiting()
    {
        var gate = new PromotionGate(_full);
        var count = Feed(gate, PairSamples.Many(2000, -0.4));

        Assert.Equal(GateDecision.RollBack, gate.Decision);
        Assert.True(count < 200);
        Assert.Contains("lower than the baseline's by more than 0.05", Assert.Single(gate.State().Reasons), StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_guardrail_stops_a_promotion_and_rolls_back_for_certain()
    {
        (string Name, Func<Pair, Pair> Harm)[] harms =
        [
            ("support", pair => pair with { Candidate = pair.Candidate with { Support = 0.6 } }),
            ("contradiction", pair => pair with { Candidate = pair.Candidate with { Contradiction = 0.4 } }),
            ("repetition", pair => pair with { Candidate = pair.Candidate with { Repetition = 0.5 } }),
            ("empty", pair => pair with { Candidate = pair.Candidate with { IsEmpty = pair.Time.Second % 3 == 0 } }),
            ("length", pair => pair with { Candidate = pair.Candidate with { Tokens = 20 } }),
            ("length", pair => pair with { Candidate = pair.Candidate with { Tokens = 90 } }),
        ];
        foreach (var (name, harm) in harms)
        {
            var gate = new PromotionGate(_full);
            Feed(gate, PairSamples.Many(3000, 0).Select(harm));

            var state = gate.State();
            Assert.Equal(GateDecision.RollBack, state.Decision);
            Assert.Contains($"The guardrail \"{name}\"", Assert.Single(state.Reasons), StringComparison.Ordinal);
            Assert.Equal(name, Assert.Single(state.Guardrails, guardrail => guardrail.Status is GuardrailStatus.Failed).Name);
        }
    }

    [Fact]
    public void A_guardrail_that_is_on_and_not_measured_stops_a_promotion()
    {
        var gate = new PromotionGate(_full);
        Feed(gate, PairSamples.Many(2000, 0.2).Select(pair => pair with { Candidate = pair.Candidate with { Support = null } }));

        Assert.Equal((GateDecision.Hold, false), (gate.Decision, gate.IsFinal));
        Assert.Equal("The guardrail \"support\" (not measured) is not clear.", Assert.Single(gate.State().Reasons));
    }

    [Fact]
    public void The_ratio_of_lengths_is_told_as_a_ratio()
    {
        var gate = new PromotionGate(_full);
        Feed(gate, PairSamples.Many(1500, 0).Select(pair => pair with { Candidate = pair.Candidate with { Tokens = 44 } }));

        var length = gate.State().Guardrails.Single(guardrail => guardrail.Name == "length");
        Assert.Equal(1.1, length.Mean!.Value, 9);
        Assert.InRange(length.Lower!.Value, 0.8, 1.1);
        Assert.InRange(length.Upper!.Value, 1.1, 1.25);
        Assert.Equal((0.8, 1.25, GuardrailStatus.Clear), (length.LowestAllowed, length.HighestAllowed, length.Status));
    }

    [Fact]
    public void The_divergence_budget_latency_and_cost_stop_a_promotion()
    {
        (GateRules Rules, Func<Pair, Pair> Change, string Reason)[] cases =
        [
            (_full with { Kl = 3 }, pair => pair, "3.000 nats from its anchor, and the budget is 2.750"),
            (_full, pair => pair with { Candidate = pair.Candidate with { LatencyMilliseconds = 300 } }, "95 % latency is not better"),
            (_full, pair => pair with { Candidate = pair.Candidate with { ProcessorSeconds = 0.3 } }, "does not cost less: 0.3 against 0.3 processor seconds"),
            (_full, pair => pair with { Candidate = pair.Candidate with { ProcessorSeconds = null, TokensSpent = 700 } }, "does not cost less: 700 against 640 tokens"),
            (_full, pair => pair with { Candidate = pair.Candidate with { LatencyMilliseconds = null } }, "Latencies were not measured."),
            (_full, pair => pair with { Baseline = pair.Baseline with { ProcessorSeconds = null, TokensSpent = null } }, "Costs were not measured."),
        ];
        foreach (var (rules, change, reason) in cases)
        {
            var gate = new PromotionGate(rules);
            Feed(gate, PairSamples.Many(1500, 0.1).Select(change));

            Assert.Equal(GateDecision.Hold, gate.Decision);
            Assert.Contains(reason, Assert.Single(gate.State().Reasons), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_unknown_divergence_does_not_count()
    {
        var gate = new PromotionGate(_full with { Kl = null });
        Feed(gate, PairSamples.Many(1500, 0.1));

        Assert.Equal(GateDecision.Promote, gate.Decision);
    }

    [Fact]
    public void Arms_that_did_not_get_their_shares_stop_a_promotion_and_not_a_roll_back()
    {
        var (better, worse) = (new PromotionGate(_full), new PromotionGate(_full));
        Feed(better, PairSamples.Many(1500, 0.1).Select(pair => pair with { CandidateWasSeen = pair.Time.Second % 3 == 0 }));
        Feed(worse, PairSamples.Many(1500, -0.3).Select(pair => pair with { CandidateWasSeen = true }));

        Assert.Equal((GateDecision.Hold, true), (better.Decision, better.State().SampleRatioAlarm));
        Assert.Contains("planned shares", Assert.Single(better.State().Reasons), StringComparison.Ordinal);
        Assert.Equal(GateDecision.RollBack, worse.Decision);
    }

    [Fact]
    public void A_changed_plan_of_shares_is_no_alarm_and_a_caller_that_could_not_see_an_arm_is_one()
    {
        var (changed, impossible) = (new PromotionGate(_plain), new PromotionGate(_plain));
        for (var i = 0; i < 1000; i++)
        {
            changed.Add(PairSamples.Of(i) with { CandidateShare = i < 500 ? 0 : 0.95, CandidateWasSeen = i >= 500 && i % 20 != 0 });
        }

        impossible.Add(PairSamples.Of(1) with { CandidateShare = 0, CandidateWasSeen = true });

        Assert.False(changed.State().SampleRatioAlarm);
        Assert.True(impossible.State().SampleRatioAlarm);
    }

    [Fact]
    public void After_the_most_pairs_a_candidate_that_was_not_promoted_is_given_up()
    {
        var gate = new PromotionGate(_plain with { MaxPairs = 300 });
        foreach (var pair in PairSamples.Many(300, -0.05))
        {
            Assert.False(gate.IsFinal);
            gate.Add(pair);
        }

        Assert.Equal((GateDecision.Hold, true), (gate.Decision, gate.IsFinal));
        Assert.StartsWith("300 pairs did not show enough", gate.State().Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public void After_its_promotion_a_version_is_watched_anew_with_the_sequence_that_bears_drift()
    {
        var gate = new PromotionGate(_full with { MaxPairs = 400 });
        foreach (var pair in PairSamples.Many(1500, 0))
        {
            gate.Add(pair);
        }

        var stitched = new StitchedInterval(_full.Alpha / 2);
        var promoted = PairSamples.Many(4000, 0, seed: 2).Select(pair => pair with { IsPromoted = true }).ToArray();
        foreach (var pair in promoted[..2000])
        {
            gate.Add(pair);
            stitched.AddDifference(pair.Candidate.Score - pair.Baseline.Score);
            Assert.Equal((GateDecision.Hold, false), (gate.Decision, gate.IsFinal));
        }

        var healthy = gate.State();
        Assert.Equal((true, 2000, 3500), (healthy.IsPromoted, healthy.N, healthy.Position));
        Assert.Equal(stitched.Difference, new Interval(healthy.Lower, healthy.Upper));

        // It goes bad: the running average passes the margin, and then the version must go.
        Feed(gate, promoted[2000..].Select(pair => pair with { Candidate = pair.Candidate with { Score = 0 } }));
        Assert.Equal((GateDecision.RollBack, true), (gate.Decision, gate.IsFinal));
    }

    [Fact]
    public void Another_baseline_is_another_comparison()
    {
        var gate = new PromotionGate(_plain);
        Feed(gate, PairSamples.Many(1500, 0.2));
        Assert.Equal(GateDecision.Promote, gate.Decision);

        gate.Add(PairSamples.Of(1) with { Baseline = PairSamples.Of(1).Baseline with { Arm = "best-of-16:anchor@2" } });

        var state = gate.State();
        Assert.Equal((GateDecision.Hold, 1, "best-of-16:anchor@2"), (state.Decision, state.N, state.Baseline));
        Assert.Equal((-1, 1), (state.Lower, state.Upper));
    }

    [Fact]
    public void The_same_pairs_give_the_same_state_to_the_last_bit()
    {
        static string State()
        {
            var gate = new PromotionGate(_full);
            foreach (var pair in PairSamples.Many(700, -0.02))
            {
                gate.Add(pair);
            }

            return System.Text.Json.JsonSerializer.Serialize(gate.State(), ExperimentJson.Default.GateState);
        }

        Assert.Equal(State(), State());
    }

    [Fact]
    public void Quality_has_half_of_the_error_and_the_guardrails_share_the_rest()
    {
        var gate = new PromotionGate(_full);
        var (quality, support) = (new PairedInterval(0.025), new PairedInterval(0.005));
        foreach (var pair in PairSamples.Many(500, 0))
        {
            gate.Add(pair);
            quality.AddDifference(pair.Candidate.Score - pair.Baseline.Score);
            support.AddDifference(0);
        }

        var state = gate.State();
        Assert.Equal(quality.Difference, new Interval(state.Lower, state.Upper));
        Assert.Equal((support.Difference.Lower, support.Difference.Upper), (state.Guardrails[0].Lower, state.Guardrails[0].Upper));
    }

    [Fact]
    public void Rules_follow_the_options_with_a_smaller_error_for_each_next_version()
    {
        var options = new ExperimentOptions { Margin = 0.1, MinPairs = 50, MaxPairs = 90 };

        var second = GateRules.Of(options, comparison: 2, candidates: 16, kl: 0.5);

        Assert.Equal((0.1, 50, 90, 0.5, true), (second.Margin, second.MinPairs, second.MaxPairs, second.Kl, second.MustBeCheaper));
        Assert.Equal(AlphaSpending.Of(0.05, 2), second.Alpha);
        Assert.Equal(1.5 * (Math.Log(16) - (15.0 / 16)), second.KlBudget!.Value, 12);
        Assert.Null(GateRules.Of(options, 1).KlBudget);
    }

    /// <summary>Until the comparison is over; the number of pairs that it took.</summary>
    private static int Feed(PromotionGate gate, IEnumerable<Pair> pairs)
    {
        var count = 0;
        foreach (var pair in pairs)
        {
            gate.Add(pair);
            count++;
            if (gate.Decision is not GateDecision.Hold)
            {
                break;
            }
        }

        return count;
    }
}
