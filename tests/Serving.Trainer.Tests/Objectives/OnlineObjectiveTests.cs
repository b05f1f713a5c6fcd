using Serving.Testing;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using TorchSharp;
using static Serving.Trainer.Tests.Data.SampleGroups;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>The objectives that learn from fresh answers, and those that take logged ones as they are, over real modules.</summary>
public sealed class OnlineObjectiveTests
{
    [Fact]
    public void Full_bond_takes_the_best_of_n_and_counts_the_better_ones_of_k()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var anchor = Module(2);

        // N = 2, k = 3: the policy's answer of reward 1.5 has two better ones among 4, 1, 2; the better of 0 and 3 is the second.
        using var batch = Batch(Fresh("a", [1.5], [0, 3, 4, 1, 2]), Group("logged", [1, 2]), Fresh("b", [9], [5, 4, 6, 7, 8]));
        var inputs = new ObjectiveInputs(policy, batch, anchor: anchor);
        var objective = new FullBondObjective(candidates: 2, draws: 3, beta: .25, clip: 10);

        var loss = objective.Loss(inputs);

        var rows = tensor(new long[] { 0, 8 });
        var expected = FullBondLoss.Mean(
            inputs.LogProbs.index_select(0, rows),
            inputs.AnchorLogProbs.index_select(0, rows),
            inputs.LogProbs.index_select(0, tensor(new long[] { 2, 9 })),
            tensor([(float)HarmonicQuantile.LogQuantile(2, 3), 0f]),
            .25,
            10);
        Assert.Equal(expected.item<float>(), loss.item<float>(), 1e-5f);
        Assert.Equal(new FreshAnswers(1, 5), objective.Fresh);
        loss.backward();
        Assert.All(anchor.parameters(), parameter => Assert.Null(parameter.grad));
    }

    [Fact]
    public void Reinforcement_compares_the_answers_to_one_prompt_with_each_other()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var anchor = Module(2);
        using var batch = Batch(Fresh("a", [3, 1], [7]), Group("logged", [1, 2]), Fresh("b", [0, 8], []));
        var inputs = new ObjectiveInputs(policy, batch, anchor: anchor);

        var loss = new ReinforceObjective(.5, 2, 100).Loss(inputs);

        var (own, kept) = (inputs.LogProbs.data<float>().ToArray(), inputs.AnchorLogProbs.data<float>().ToArray());
        var returns = new[] { (0, 3), (1, 1), (5, 0), (6, 8) }.Select(pair => pair.Item2 - (.5 * (own[pair.Item1] - kept[pair.Item1]))).ToArray();
        var difference = new[] { returns[0] - returns[1], returns[2] - returns[3] };
        var expected = -(((own[0] - own[1]) * difference[0]) + ((own[5] - own[6]) * difference[1])) / 4;
        Assert.Equal(expected, loss.item<float>(), 1e-4);
        Assert.Equal(3, inputs.Figures["reinforce_reward"].item<float>());
    }

    [Fact]
    public void Entailment_comes_at_the_end_and_every_token_pays_for_leaving_the_anchor()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var anchor = Module(2);
        var group = Fresh("a", [3, 1], []);
        using var batch = Batch(
            Group("logged", [1, 2]), group with { Candidates = [group.Candidates[0] with { Entailment = -.1 }, group.Candidates[1] with { Entailment = -2 }] });
        var inputs = new ObjectiveInputs(policy, batch, anchor: anchor);

        var loss = new EntailmentObjective(.3, 2, 100).Loss(inputs);

        // Logged answers have 2 + 3 tokens, then come the two own ones.
        var (own, kept) = (inputs.TokenLogProbs.data<float>().ToArray(), inputs.AnchorTokenLogProbs.data<float>().ToArray());
        var (first, second) = (Enumerable.Range(5, batch.Entries[2].Tokens).ToArray(), Enumerable.Range(5 + batch.Entries[2].Tokens, batch.Entries[3].Tokens).ToArray());
        var (firstWhole, secondWhole) = (-.1 - (.3 * first.Sum(Cost)), -2 - (.3 * second.Sum(Cost)));
        var expected = -(Pull(first, -.1, secondWhole) + Pull(second, -2, firstWhole)) / 2;
        Assert.Equal(expected, loss.item<float>(), Math.Abs(expected) * 1e-4);
        loss.backward();
        Assert.All(anchor.parameters(), parameter => Assert.Null(parameter.grad));

        double Cost(int token) => own[token] - kept[token];

        double Pull(int[] tokens, double reward, double baseline) =>
            tokens.Select((token, i) => own[token] * (reward - (.3 * tokens[i..].Sum(Cost)) - baseline)).Sum();
    }

    [Fact]
    public void Without_entailment_among_the_scores_the_user_is_told_what_to_choose()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Fresh("a", [3, 1], []));

        var error = Assert.Throws<InvalidOperationException>(() => new EntailmentObjective(.3, 2, 100).Loss(new ObjectiveInputs(policy, batch, anchor: policy)));

        Assert.Contains("Scoring:Scorecard", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bonbon_sets_the_best_logged_answer_against_the_worst()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Group("a", [0, 3, 1, 2]), Group("b", [1, 0, 5], independent: false), Group("c", [7, 6]));
        var inputs = new ObjectiveInputs(policy, batch);

        var loss = new BonBonObjective(.1).Loss(inputs).item<float>();

        var logProbs = inputs.LogProbs.data<float>().ToArray();
        var expected = (Part(1, 0, 4) + Part(7, 8, 2)) / 2;
        Assert.Equal(expected, loss, Math.Abs(expected) * 1e-4);

        double Part(int best, int worst, int n)
        {
            var margin = Ratio(best) - Ratio(worst) - (.5 / BonBonLoss.Beta(n));
            return (.9 * margin * margin) - (.1 * logProbs[best]);
        }

        double Ratio(int row) => logProbs[row] - batch.Entries[row].Candidate.SampledLogProb;
    }

    [Fact]
    public void Sequence_distillation_takes_every_drawn_answer_alike()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Group("a", [0, 3, 1, 2]), Group("b", [1, 0, 5], independent: false), Fresh("own", [1], []));
        var inputs = new ObjectiveInputs(policy, batch);

        var loss = new SequenceKdObjective().Loss(inputs).item<float>();

        Assert.Equal(-inputs.LogProbs.data<float>().ToArray().Take(7).Average(), loss, 1e-4f);
    }

    [Fact]
    public void A_teacher_of_which_the_likeliest_tokens_are_known_teaches_almost_the_same()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var teacher = Module(2);
        using var batch = Batch(Group("a", [0, 1, 2]));
        var inputs = new ObjectiveInputs(policy, batch, teacher: teacher);

        float Loss(int count) => new GkdObjective(TokenDivergence.Forward, 0, 1, count).Loss(inputs).item<float>();

        Assert.Equal(Loss(0), Loss(96), 1e-4f);
        Assert.True(Loss(4) > 0 && Loss(4) < Loss(32) && Loss(32) < Loss(0));
    }

    [Fact]
    public void A_sum_draws_enough_answers_for_each_of_its_terms()
    {
        var sum = new WeightedSumObjective(
            [(1, new ReinforceObjective(.1, 3, 10)), (1, new JBondObjective(.5, 0, 10)), (1, new FullBondObjective(2, 4, .5, 10)), (1, new BonSftObjective())]);

        Assert.Equal(new FreshAnswers(3, 6), sum.Fresh);
        Assert.Equal(
            ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.PolicySamples | ObjectiveNeeds.AnchorSamples | ObjectiveNeeds.Anchor, sum.Needs);
    }

    private static PolicyModule Module(ulong seed)
    {
        var module = new PolicyModule(
            TinyPolicy.Config with { VocabularySize = 96, Layers = 1, HiddenSize = 32, Heads = 2, KeyValueHeads = 1 }, seed);
        using var quiet = no_grad();
        foreach (var parameter in module.parameters())
        {
            parameter.mul_(3);        // far enough from uniform for the terms to differ
        }

        return module;
    }

    private static TokenBatch Batch(params CandidateGroup[] groups) => new BatchBuilder(2, 0, 1).Build(groups, 0);

    private static CandidateGroup Fresh(string id, double[] policy, double[] anchor)
    {
        var group = Group(id, [.. policy, .. anchor], independent: false, source: CandidateSource.Anchor);
        return group with
        {
            Candidates = [.. group.Candidates.Select((candidate, i) => i < policy.Length ? candidate with { Source = CandidateSource.Policy } : candidate)],
        };
    }
}
