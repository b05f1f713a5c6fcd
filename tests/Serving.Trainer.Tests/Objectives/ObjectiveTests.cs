using Serving.Models;
using Serving.Testing;
using Serving.Trainer.Data;
using Serving.Trainer.Objectives;
using Serving.Trainer.Policy;
using TorchSharp;
using static Serving.Trainer.Tests.Data.SampleGroups;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

/// <summary>The objectives over real modules: which rows they look at, and what they make of them.</summary>
public sealed class ObjectiveTests
{
    private static readonly DecoderConfig _config = TinyPolicy.Config with { VocabularySize = 96, Layers = 1, HiddenSize = 32, Heads = 2, KeyValueHeads = 1 };

    [Theory]
    [InlineData(1)]
    [InlineData(.7)]
    public void The_log_prob_of_a_sequence_is_the_sum_over_its_answer_whatever_stands_beside_it(double temperature)
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Group("a", [0, 1, 2]), Group("b", [1, 0], prompt: 9));

        var logProbs = new ObjectiveInputs(policy, batch, temperature).LogProbs;

        for (var b = 0; b < batch.Entries.Count; b++)
        {
            var entry = batch.Entries[b];
            var prompt = Enumerable.Range(10, entry.PromptLength);
            var ids = tensor(prompt.Concat(entry.Candidate.Tokens).Select(id => (long)id).ToArray()).unsqueeze(0);
            var perToken = special.log_softmax(policy.Logits(ids) / temperature, -1)
                .narrow(1, entry.PromptLength - 1, entry.Tokens)
                .gather(2, ids.narrow(1, entry.PromptLength, entry.Tokens).unsqueeze(2));
            Assert.Equal(perToken.sum().item<float>(), logProbs[b].item<float>(), 1e-4f);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(.5)]
    [InlineData(1)]
    public void Distillation_in_chunks_has_the_value_and_gradients_of_distillation_at_once(double beta)
    {
        using var scope = NewDisposeScope();
        using var student = Module(1);
        using var teacher = Module(2, _config with { HiddenSize = 48, HeadDimension = 16 });
        using var batch = Batch(Group("a", [0, 1, 2]), Group("b", [1, 0]));
        var weights = rand([batch.Rows.shape[0]]);

        var inputs = new ObjectiveInputs(student, batch, teacher: teacher);
        var chunked = ChunkedDivergence.WeightedSum(
            student,
            inputs.Hidden,
            weights,
            ChunkedDivergence.FromTeacher(teacher, inputs.TeacherHidden, new(DivergenceFamily.JensenShannon, beta), 1.5),
            chunk: 4);
        var gradients = Gradients(student, chunked);
        var rows = student.forward(batch.Ids, batch.Positions, batch.Mask).reshape(-1, student.Config.HiddenSize).index_select(0, batch.Rows);
        var whole = (JensenShannon.PerToken(student.Project(rows), teacher.Project(inputs.TeacherHidden), beta, 1.5) * weights).sum();
        var expected = Gradients(student, whole);

        Assert.Equal(whole.item<float>(), chunked.item<float>(), 1e-4f);
        AssertClose(expected, gradients);
        Assert.All(teacher.parameters(), parameter => Assert.Null(parameter.grad));
    }

    /// <summary>Through the whole module in double precision, along one random direction of all its weights.</summary>
    [Fact]
    public void The_gradient_of_the_default_recipe_equals_a_finite_difference()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1, type: ScalarType.Float64);
        using var teacher = Module(2, type: ScalarType.Float64);
        using var batch = Batch(Group("a", [0, 1, 2, 5]), Group("b", [1, 0]));
        var objective = new WeightedSumObjective(
            [(1, new BonSftObjective()), (.02, new RegressionBondObjective(2, true, 4)), (5, new GkdObjective(new(DivergenceFamily.JensenShannon, .3), 0, 1.2))]);
        var directions = policy.parameters().Select(parameter => randn_like(parameter)).ToArray();

        var gradients = Gradients(policy, objective.Loss(new ObjectiveInputs(policy, batch, teacher: teacher)));
        var slope = gradients.Zip(directions, (gradient, direction) => (gradient * direction).sum().item<double>()).Sum();
        var measured = (At(1e-6) - At(-1e-6)) / 2e-6;

        Assert.Equal(measured, slope, Math.Abs(measured) * 1e-6);

        double At(double distance)
        {
            using var quiet = no_grad();
            Move(distance);
            var loss = Value();
            Move(-distance);
            return loss;
        }

        void Move(double distance)
        {
            foreach (var (parameter, direction) in policy.parameters().Zip(directions))
            {
                parameter.add_(direction, alpha: distance);
            }
        }

        double Value()
        {
            using var graph = enable_grad();        // the chunks of the divergence take their gradients in the forward pass
            return objective.Loss(new ObjectiveInputs(policy, batch, teacher: teacher)).item<double>();
        }
    }

    [Fact]
    public void Supervised_training_weighs_candidates_by_their_best_of_n_share()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Group("a", [0, 3, 1, 2]), Group("b", [1, 0, 5], independent: false), Group("c", [7, 6]));
        var inputs = new ObjectiveInputs(policy, batch);

        var loss = new BonSftObjective().Loss(inputs).item<float>();

        var logProbs = inputs.LogProbs.data<float>().ToArray();
        var expected = -(((logProbs[1] * 3) + (logProbs[3] * 2) + logProbs[2]) / 6) - logProbs[7];
        Assert.Equal(expected / 2, loss, 1e-4f);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Regression_aims_at_the_logged_policy_plus_the_quantile_target(bool centred)
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var batch = Batch(Group("a", [0, 3, 1, 2]), Group("b", [1, 0, 5], independent: false));
        var inputs = new ObjectiveInputs(policy, batch);

        var loss = new RegressionBondObjective(2, centred, 1e9).Loss(inputs).item<float>();

        var logProbs = inputs.LogProbs.data<float>().ToArray();
        var residuals = Enumerable.Range(0, 4).Select(i =>
            logProbs[i] - batch.Entries[i].Candidate.SampledLogProb - ((centred ? 3 / 4.0 : 1) * HarmonicQuantile.Target(batch.Entries[i].Better, 3, 2))).ToArray();
        var centre = centred ? residuals.Average() : 0;
        var expected = residuals.Average(residual => (residual - centre) * (residual - centre));
        Assert.Equal(expected, loss, Math.Abs(expected) * 1e-4);
    }

    [Fact]
    public void J_bond_takes_the_policy_sample_and_the_better_anchor_sample_of_every_prompt()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var anchor = Module(2);
        using var batch = Batch(Fresh("a", 1, 0, 2), Group("logged", [1, 2]), Fresh("b", 0, 4, 3));
        var inputs = new ObjectiveInputs(policy, batch, anchor: anchor);

        var loss = new JBondObjective(.5, .25, 10).Loss(inputs);

        var rows = new long[] { 0, 5 };
        var expected = JBondLoss.Mean(
            inputs.LogProbs.index_select(0, tensor(rows)),
            inputs.AnchorLogProbs.index_select(0, tensor(rows)),
            inputs.LogProbs.index_select(0, tensor(new long[] { 2, 6 })),
            tensor([0f, (float)-JBondLoss.Penalty]),
            .5,
            .25,
            10);
        Assert.Equal(expected.item<float>(), loss.item<float>(), 1e-5f);
        loss.backward();
        Assert.All(anchor.parameters(), parameter => Assert.Null(parameter.grad));
    }

    [Theory]
    [InlineData(0, ObjectiveNeeds.Teacher | ObjectiveNeeds.LoggedGroups)]
    [InlineData(.25, ObjectiveNeeds.Teacher | ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.PolicySamples)]
    [InlineData(1, ObjectiveNeeds.Teacher | ObjectiveNeeds.PolicySamples)]
    public void Distillation_mixes_logged_and_own_answers_by_lambda(double lambda, ObjectiveNeeds needs)
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var teacher = Module(2);
        var own = Group("own", [1], source: CandidateSource.Policy) with { Independent = false };
        using var batch = Batch(Group("a", [0, 1]), own);
        var objective = new GkdObjective(new(DivergenceFamily.JensenShannon, .5), lambda, 1);

        var loss = objective.Loss(new ObjectiveInputs(policy, batch, teacher: teacher)).item<float>();

        Assert.Equal(needs, objective.Needs);
        var inputs = new ObjectiveInputs(policy, batch, teacher: teacher);
        var perToken = JensenShannon.PerToken(policy.Project(inputs.Hidden), teacher.Project(inputs.TeacherHidden), .5);        // [7]: 2 + 3 + 2
        var means = new[] { (0, 2), (2, 3), (5, 2) }.Select(span => perToken.narrow(0, span.Item1, span.Item2).mean().item<float>()).ToArray();
        Assert.Equal(((1 - lambda) * (means[0] + means[1]) / 2) + (lambda * means[2]), loss, 1e-5);
    }

    [Fact]
    public void A_sum_weighs_its_terms_and_needs_what_any_of_them_needs()
    {
        using var scope = NewDisposeScope();
        using var policy = Module(1);
        using var teacher = Module(2);
        using var batch = Batch(Group("a", [0, 1, 3]));
        var bond = new BonSftObjective();
        var gkd = new GkdObjective(new(DivergenceFamily.JensenShannon, 0), 0, 1);
        var sum = new WeightedSumObjective([(2, bond), (.5, gkd)]);
        var inputs = new ObjectiveInputs(policy, batch, teacher: teacher);

        var loss = sum.Loss(inputs).item<float>();

        Assert.Equal((2 * bond.Loss(inputs).item<float>()) + (.5f * gkd.Loss(inputs).item<float>()), loss, 1e-4f);
        Assert.Equal(ObjectiveNeeds.LoggedGroups | ObjectiveNeeds.Teacher, sum.Needs);
        Assert.Equal("sft+gkd", sum.Name);
        Assert.Equal(["gkd", "sft"], inputs.Figures.Keys);
    }

    [Fact]
    public void Many_steps_leave_no_tensor_behind()
    {
        using var policy = Module(1);
        using var teacher = Module(2);
        using var anchor = new Serving.Trainer.Loop.AnchorAverage(policy);
        using var optimizer = optim.AdamW(policy.parameters(), 1e-3);
        var objective = new WeightedSumObjective(
            [(1, new BonSftObjective()), (.1, new RegressionBondObjective(2, true, 10)), (1, new GkdObjective(new(DivergenceFamily.JensenShannon, .5), .5, 1)), (1, new JBondObjective(.5, .1, 10))]);
        var own = Group("own", [1], source: CandidateSource.Policy) with { Independent = false };
        Step();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        for (var i = 0; i < 25; i++)
        {
            Step();
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Step()
        {
            using var scope = NewDisposeScope();
            using var batch = Batch(Group("a", [0, 1, 3]), own, Fresh("b", 0, 4, 3));
            var loss = objective.Loss(new ObjectiveInputs(policy, batch, 1, anchor.Module, teacher));
            optimizer.zero_grad();
            loss.backward();
            nn.utils.clip_grad_norm_(policy.parameters(), 1);
            optimizer.step();
            anchor.Update(policy, .1);
        }
    }

    private static PolicyModule Module(ulong seed, DecoderConfig? config = null, ScalarType type = ScalarType.Float32)
    {
        var module = new PolicyModule(config ?? _config, seed, type);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        foreach (var parameter in module.parameters())
        {
            parameter.mul_(3);        // far enough from uniform for the terms to differ
        }

        return module;
    }

    private static TokenBatch Batch(params CandidateGroup[] groups) => new BatchBuilder(2, 0, 1).Build(groups, 0);

    private static CandidateGroup Fresh(string id, double policy, double first, double second)
    {
        var group = Group(id, [policy, first, second], independent: false, source: CandidateSource.Anchor);
        return group with { Candidates = [group.Candidates[0] with { Source = CandidateSource.Policy }, group.Candidates[1], group.Candidates[2]] };
    }

    private static Tensor[] Gradients(PolicyModule module, Tensor loss) =>
        [.. autograd.grad([loss], [.. module.parameters()])];

    private static void AssertClose(Tensor[] expected, Tensor[] actual)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var gap = (expected[i] - actual[i]).abs().max().item<float>();
            Assert.True(gap <= 1e-4f * (1 + expected[i].abs().max().item<float>()), $"parameter {i}: gap {gap}");
            Assert.True(expected[i].abs().max().item<float>() > 0);
        }
    }
}
