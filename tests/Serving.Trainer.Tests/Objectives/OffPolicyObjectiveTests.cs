using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using TorchSharp;
using static Serving.Trainer.Tests.Data.SampleGroups;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>The objective over real modules.</summary>
public sealed class OffPolicyObjectiveTests
{
    private static readonly DecoderConfig _config = TinyPolicy.Config with { VocabularySize = 96, Layers = 1, HiddenSize = 32, Heads = 2, KeyValueHeads = 1 };

    [Fact]
    public void Without_correction_it_is_the_policy_gradient_with_the_other_answers_as_baseline()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Logged("a", [0, 3, 1]) with { Draw = new ReplayDraw(4, .5, 2) }, Logged("b", [1, 0]));
        var inputs = new ObjectiveInputs(policy, batch);

        var loss = new OffPolicyObjective(new OffPolicySettings { Correction = PolicyCorrection.None }).Loss(inputs).item<float>();

        var logProbs = inputs.LogProbs.data<float>().ToArray();
        var expected = -((.5 * ((-2 * logProbs[0]) + (2.5 * logProbs[1]) - (.5 * logProbs[2]))) + logProbs[3] - logProbs[4]) / 5;
        Assert.Equal(expected, loss, 1e-4);
        Assert.Equal((.9 * 2.5) + (.1 * ((2 * 2) + (2.5 * 3) + (.5 * 4)) / 9), inputs.Priorities![0], 1e-9);
        Assert.Equal(1, inputs.Priorities[1], 1e-9);
    }

    [Theory]
    [InlineData(PolicyCorrection.Truncated)]
    [InlineData(PolicyCorrection.VTrace)]
    public void For_the_policys_own_answers_corrections_change_nothing(PolicyCorrection correction)
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        var own = Own(policy, Logged("a", [0, 3, 1]));

        var corrected = Gradients(policy, own, correction, out var figures);
        var plain = Gradients(policy, own, PolicyCorrection.None, out _);

        for (var i = 0; i < plain.Length; i++)
        {
            Assert.True((plain[i] - corrected[i]).abs().max().item<float>() <= 1e-4f * (1 + plain[i].abs().max().item<float>()));
        }

        Assert.Equal(1, figures["off_policy_ess"].item<double>(), 1e-6);
        Assert.Equal(0, figures["off_policy_kl"].item<double>(), 1e-6);
        Assert.Equal(0, figures["off_policy_left_out"].item<double>());
    }

    [Fact]
    public void Answers_of_another_policy_weigh_less_where_this_one_would_not_say_them()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        var group = Own(policy, Logged("a", [0, 3, 1]));
        var surer = group with
        {
            Candidates = [.. group.Candidates.Select(candidate => candidate with { TokenLogProbs = [.. candidate.TokenLogProbs.Select(logProb => logProb + 1f)] })],
        };

        var own = Gradients(policy, group, PolicyCorrection.VTrace, out _);
        var off = Gradients(policy, surer, PolicyCorrection.VTrace, out var figures);

        Assert.True(Norm(off) < .5 * Norm(own), $"{Norm(off)} of {Norm(own)}");
        Assert.Equal(Math.Exp(-1) - 1 + 1, figures["off_policy_kl"].item<double>(), 1e-5);

        static double Norm(Tensor[] gradients) => Math.Sqrt(gradients.Sum(gradient => gradient.square().sum().item<float>()));
    }

    [Fact]
    public void Only_independent_draws_take_part()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Logged("a", [0, 3, 1]) with { Independent = false }, Group("unlogged", [0, 1]));
        var inputs = new ObjectiveInputs(policy, batch);

        var loss = new OffPolicyObjective(new OffPolicySettings()).Loss(inputs);

        Assert.Equal(0, loss.item<float>());
        Assert.Null(inputs.Priorities);
    }

    [Fact]
    public void Every_nat_away_from_the_start_costs_its_price()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var start = Module(2);
        var settings = new OffPolicySettings { Correction = PolicyCorrection.None, KlWeight = .5 };
        using var batch = Batch(Logged("a", [0, 1]));
        var inputs = new ObjectiveInputs(policy, batch, start: start);

        var objective = new OffPolicyObjective(settings);
        var loss = objective.Loss(inputs).item<float>();

        var own = inputs.LogProbs.data<float>().ToArray();
        var other = new ObjectiveInputs(start, batch).LogProbs.data<float>().ToArray();
        var paid = own.Zip(other, (mine, its) => -.5 * (mine - its)).ToArray();
        Assert.Equal(-(((-1 + paid[0] - paid[1]) * own[0]) + ((1 + paid[1] - paid[0]) * own[1])) / 2, loss, 1e-3);
        Assert.Equal(own.Zip(other, (mine, its) => mine - its).Average(), inputs.Figures["off_policy_kl_to_start"].item<double>(), 1e-4);
        Assert.Equal(ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Start, objective.Needs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_value_head_learns_what_an_answers_beginning_tells_and_the_policy_does_not_feel_it(bool rescaled)
    {
        using var policy = Module(1);
        using var head = new ValueHead(_config.HiddenSize);
        using var optimizer = optim.AdamW(head.parameters(), .02);
        var objective = new OffPolicyObjective(new OffPolicySettings { ValueHead = true, ValueWeight = 1, RescaledValues = rescaled });
        var plain = new OffPolicyObjective(new OffPolicySettings { ValueHead = true, ValueWeight = 0, RescaledValues = rescaled });
        var group = Own(policy, Logged("a", [0, 30, 10]));
        var losses = new List<double>();
        for (var step = 0; step < 400; step++)
        {
            using var scope = NewDisposeScope();
            using var batch = Batch(group);
            var inputs = new ObjectiveInputs(policy, batch, head: head);
            if (step == 0)
            {
                using var again = Batch(group);
                var with = autograd.grad([objective.Loss(inputs)], [.. policy.parameters()], retain_graph: true);
                var without = autograd.grad([plain.Loss(new ObjectiveInputs(policy, again, head: head))], [.. policy.parameters()]);
                Assert.All(with.Zip(without), pair => Assert.True((pair.First - pair.Second).abs().max().item<float>() < 1e-5f));
            }

            optimizer.zero_grad();
            var loss = objective.Loss(inputs);
            loss.backward();
            optimizer.step();
            policy.zero_grad();
            losses.Add(inputs.Figures["off_policy_value"].item<float>());
        }

        // Behind the prompt nothing is known of the answer yet: that part of the error stays.
        Assert.InRange(losses[^1], .2 * losses[0], .6 * losses[0]);
        Assert.True(objective.Needs.HasFlag(ObjectiveNeeds.ValueHead));
    }

    [Fact]
    public void A_value_head_comes_back_from_its_file()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var head = new ValueHead(8);
        using var copy = new ValueHead(8);
        using (no_grad())
        {
            foreach (var parameter in head.parameters())
            {
                parameter.normal_();
            }
        }

        head.Write(folder.File("value"));
        copy.Read(folder.File("value"));

        var hidden = rand(3, 8);
        Assert.Equal(head.forward(hidden).ToFloats(), copy.forward(hidden).ToFloats());
        using var other = new ValueHead(9);
        Assert.ThrowsAny<ModelException>(() => other.Read(folder.File("value")));
    }

    [Fact]
    public void Many_steps_leave_no_tensor_behind()
    {
        using var policy = Module(1);
        using var start = Module(2);
        using var head = new ValueHead(_config.HiddenSize);
        var objective = new OffPolicyObjective(new OffPolicySettings { ValueHead = true, KlWeight = .1 });
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        for (var i = 0; i < 10; i++)
        {
            Step();
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Step()
        {
            using var scope = NewDisposeScope();
            using var batch = Batch(Logged("a", [0, 1, 3]), Logged("b", [1, 0]));
            objective.Loss(new ObjectiveInputs(policy, batch, start: start, head: head)).backward();
        }
    }

    private static PolicyModule Module(ulong seed)
    {
        var module = new PolicyModule(_config, seed);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var parameter in module.parameters())
        {
            parameter.mul_(3);
        }

        return module;
    }

    private static TokenBatch Batch(params CandidateGroup[] groups) => new BatchBuilder(2, 0, 1).Build(groups, 0);

    /// <summary>A group whose tokens were drawn with probability 1/e each.</summary>
    private static CandidateGroup Logged(string id, double[] rewards)
    {
        var group = Group(id, rewards);
        return group with { Candidates = [.. group.Candidates.Select(candidate => candidate with { TokenLogProbs = [.. candidate.Tokens.Select(_ => -1f)] })] };
    }

    /// <summary>The same answers as if the policy had drawn them.</summary>
    private static CandidateGroup Own(PolicyModule policy, CandidateGroup group)
    {
        using var scope = NewDisposeScope();
        using var batch = Batch(group);
        var logProbs = new ObjectiveInputs(policy, batch).TokenLogProbs.ToFloats();
        var at = 0;
        return group with
        {
            Candidates = [.. group.Candidates.Select(candidate => candidate with { TokenLogProbs = logProbs[at..(at += candidate.Tokens.Length)] })],
        };
    }

    private static Tensor[] Gradients(PolicyModule policy, CandidateGroup group, PolicyCorrection correction, out IReadOnlyDictionary<string, Tensor> figures)
    {
        using var batch = Batch(group);
        var inputs = new ObjectiveInputs(policy, batch);
        var loss = new OffPolicyObjective(new OffPolicySettings { Correction = correction }).Loss(inputs);
        figures = inputs.Figures;
        return [.. autograd.grad([loss], [.. policy.parameters()])];
    }
}
