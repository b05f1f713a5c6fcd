using System.Text;
using System.Text.Json.Nodes;
using Serving.Testing;
using Serving.Trainer.Lab;
using Serving.Trainer.Terminal;

namespace Serving.Trainer.Tests.Lab;

public sealed class LabProblemFileTests
{
    private const string Good = """
        {"vocab": 2, "length": 2, "reference": [0.25, 0.75], "rewards": [0, 1, 2.5, -3e2], "n": 4, "objective": "j-bond"}
        """;

    [Fact]
    public void What_is_left_out_has_the_stated_default()
    {
        var problem = Parse(Good);

        Assert.Equal([.25, .75], problem.Reference);
        Assert.Equal([0, 1, 2.5, -300], problem.Rewards);
        Assert.Equal(
            (LabPolicyKind.Tabular, .5, 0, 0, 16, LabDivergence.Jsd, .5, LabTeacher.BestOfN, LabGradients.Exact),
            (problem.Policy, problem.Beta, problem.Gamma, problem.Eta, problem.K, problem.Divergence, problem.Lambda, problem.Teacher, problem.Gradients));
        Assert.Equal((64, 1000, 1, 1UL), (problem.Batch, problem.Steps, problem.LearningRate, problem.Seed));
        Assert.Equal(.3, With("gradients", "\"sampled\"").LearningRate);
        Assert.Equal(.1, With("objective", "\"reinforce\"").Beta);
    }

    [Fact]
    public void Every_member_is_read()
    {
        var problem = Parse("""
            {"vocab": 2, "length": 1, "reference": [0.25, 0.75], "rewards": [0, 1], "n": 3, "policy": "categorical", "objective": "regression-bond", "beta": 0.1,
             "gamma": 2, "eta": 0.05, "k": 7, "divergence": "reverse-kl", "lambda": 0.9, "teacher": "reference", "gradients": "sampled", "batch": 512,
             "steps": 0, "learning_rate": 0.25, "seed": 18446744073709551615}
            """);

        Assert.Equal((LabObjective.RegressionBond, LabPolicyKind.Categorical, 3, .1, 2, .05), (problem.Objective, problem.Policy, problem.N, problem.Beta, problem.Gamma, problem.Eta));
        Assert.Equal((7, LabDivergence.ReverseKl, .9, LabTeacher.Reference), (problem.K, problem.Divergence, problem.Lambda, problem.Teacher));
        Assert.Equal((512, 0, .25, ulong.MaxValue), (problem.Batch, problem.Steps, problem.LearningRate, problem.Seed));
    }

    [Theory]
    [InlineData("vocab", "0", "\"vocab\" must be a whole number from 1")]
    [InlineData("vocab", "2.5", "\"vocab\" must be a whole number")]
    [InlineData("vocab", "1e300", "\"vocab\" must be a whole number")]
    [InlineData("vocab", "3", "\"reference\" has 2 entries, but there must be 3")]
    [InlineData("length", "60000", "more than the 100000 sequences")]
    [InlineData("length", "3", "\"rewards\" has 4 entries, but there must be 8")]
    [InlineData("length", "null", "\"length\" must be a whole number from 1 to 100000, not null")]
    [InlineData("reference", "[0.5, 0.6]", "sums to 1.1")]
    [InlineData("reference", "[-0.5, 1.5]", "\"reference\"[0] is -0.5; every probability must be above 0")]
    [InlineData("reference", "[0, 1]", "must be above 0")]
    [InlineData("reference", "[\"a\", 1]", "\"reference\"[0] must be a number of at most 1e100 in size, not the text \"a\"")]
    [InlineData("reference", "[1e999, 1]", "must be a number of at most 1e100")]
    [InlineData("reference", "0.5", "\"reference\" must be a list of 2 numbers")]
    [InlineData("rewards", "[0, 1, 2, NaN]", "not JSON")]
    [InlineData("rewards", "[0, 1, null, 2]", "\"rewards\"[2] must be a number of at most 1e100 in size, not null")]
    [InlineData("rewards", "[0, 1, 2, 1e101]", "\"rewards\"[3] must be a number of at most 1e100 in size, not 1e101")]
    [InlineData("rewards", "{}", "not an object")]
    [InlineData("n", "0", "\"n\" must be")]
    [InlineData("n", "\"4\"", "not the text \"4\"")]
    [InlineData("objective", "\"ppo\"", "full-bond, j-bond, regression-bond, bon-sft, gkd, reinforce")]
    [InlineData("objective", "1", "must be one of")]
    [InlineData("teacher", "\"\\ud800\"", "not Unicode")]
    [InlineData("policy", "\"Tabular\"", "tabular, unigram, categorical")]
    [InlineData("beta", "1.5", "\"beta\" must be a number from 0 to 1")]
    [InlineData("lambda", "-0.1", "\"lambda\" must be a number from 0 to 1")]
    [InlineData("gamma", "-1", "\"gamma\"")]
    [InlineData("eta", "2", "\"eta\"")]
    [InlineData("k", "0", "\"k\"")]
    [InlineData("divergence", "\"kl\"", "forward-kl, reverse-kl, jsd")]
    [InlineData("teacher", "\"\"", "best-of-n, reference")]
    [InlineData("gradients", "true", "exact, sampled")]
    [InlineData("batch", "0", "\"batch\"")]
    [InlineData("steps", "-1", "\"steps\"")]
    [InlineData("learning_rate", "-1", "\"learning_rate\"")]
    [InlineData("seed", "-1", "\"seed\"")]
    [InlineData("learningRate", "1", "\"learningRate\" is not a member of a problem; there are vocab, length")]
    public void A_bad_value_is_one_line_that_says_what_to_write(string member, string value, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => With(member, value));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.True(UserError.Is(error));
    }

    [Theory]
    [InlineData("", "not JSON")]
    [InlineData("{\"vocab\": 3", "not JSON")]
    [InlineData("[1]", "must be one JSON object")]
    [InlineData("{}", "\"vocab\" is missing")]
    [InlineData("{\"vocab\": 2, \"vocab\": 3}", "not JSON")]
    [InlineData("{\"vocab\": 2, \"length\": 2, \"reference\": [0.25, 0.75], \"n\": 4, \"objective\": \"gkd\"}", "\"rewards\" is missing; a problem needs")]
    public void So_is_what_is_no_problem_at_all(string json, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => Parse(json));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_batch_that_would_never_end_and_a_file_that_is_not_there_are_refused()
    {
        var large = JsonNode.Parse(Good)!;
        (large["gradients"], large["batch"], large["k"]) = ("sampled", 1_000_000, 10_000);
        Assert.Contains("draw more than", Assert.Throws<InvalidDataException>(() => Parse(large.ToJsonString())).Message, StringComparison.Ordinal);
        using var folder = new TemporaryFolder();
        Assert.Contains("no such file", Assert.Throws<InvalidDataException>(() => LabProblemFile.Read(folder.File("none.json"))).Message, StringComparison.Ordinal);
        Assert.Contains("no such file", Assert.Throws<InvalidDataException>(() => LabProblemFile.Read(Path.GetTempPath())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_skipped_and_probabilities_are_scaled_to_their_sum()
    {
        var problem = LabProblemFile.Parse((byte[])[0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Good.Replace("0.25, 0.75", "0.3333333, 0.6666666", StringComparison.Ordinal))]);

        Assert.Equal(1, problem.Reference.Sum(), 1e-15);
    }

    private static LabProblem Parse(string json) => LabProblemFile.Parse(Encoding.UTF8.GetBytes(json));

    private static LabProblem With(string member, string value)
    {
        var fields = JsonNode.Parse(Good)!.AsObject().Where(pair => pair.Key != member).Select(pair => $"\"{pair.Key}\": {pair.Value!.ToJsonString()}");
        return Parse($"{{{string.Join(", ", fields.Append($"\"{member}\": {value}"))}}}");
    }
}
