using System.Collections.Immutable;
using Serving.EpisodeTools;

namespace Serving.Tests.EpisodeTools;

/// <summary>The known answers of the tests of google-research/rlds, restated in RLDS_FORMAT 6.1.</summary>
public sealed class TransformTests
{
    [Fact]
    public void Windows_slide_as_in_rlds()
    {
        Assert.Equal([[1, 2], [2, 3], [3, 4], [4]], StepWindows.Batch([1, 2, 3, 4], 2, 1));
        Assert.Equal([[1, 2], [2, 3], [3, 4]], StepWindows.Batch([1, 2, 3, 4], 2, 1, dropRemainder: true));
        Assert.Equal([[1, 2], [3, 4]], StepWindows.Batch([1, 2, 3, 4], 2, 2));
        Assert.Equal([[1, 2], [3, 4]], StepWindows.Batch([1, 2, 3, 4], 2));
        Assert.Equal([[1, 3], [2, 4], [3], [4]], StepWindows.Batch([1, 2, 3, 4], 2, 1, 2));
        Assert.Equal([[1, 2], [5, 6]], StepWindows.Batch([1, 2, 3, 4, 5, 6], 2, 4));
        Assert.Empty(StepWindows.Batch(Array.Empty<int>(), 2));
        Assert.Equal(2_000, StepWindows.AutomaticSize(100));
    }

    [Fact]
    public void Windows_are_those_of_their_definition()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var (count, size, shift, stride, drop) = (random.Next(20), random.Next(1, 6), random.Next(1, 8), random.Next(1, 4), random.Next(2) == 0);
            var expected = Enumerable.Range(0, count).Where(start => start % shift == 0)
                .Select(start => Enumerable.Range(0, size).Select(i => start + (i * stride)).Where(at => at < count).ToArray())
                .Where(window => !drop || window.Length == size);

            Assert.Equal(expected, StepWindows.Batch(Enumerable.Range(0, count), size, shift, stride, drop));
        }
    }

    [Fact]
    public void Shifted_keys_take_those_of_another_step()
    {
        RldsStep[] steps = [Sar(0), Sar(1), Sar(2)];

        var shifted = StepTransforms.ShiftKeys(steps, ["observation"], -1);

        Assert.Equal([0, 1], shifted.Select(step => step["observation/x"].Number));
        Assert.Equal([1, 2], shifted.Select(step => step["action"].Number));
        Assert.Equal([1, 2], shifted.Select(step => step["reward"].Number));
        Assert.Equal([1, 2], StepTransforms.ShiftKeys(steps, ["observation"], 1).Select(step => step["observation/x"].Number));
        Assert.Throws<ArgumentException>(() => StepTransforms.ShiftKeys(steps, ["observation"], 3));
        Assert.Throws<ArgumentException>(() => StepTransforms.ShiftKeys(steps, ["observation"], int.MinValue));
    }

    [Fact]
    public void Concatenation_fills_missing_fields_with_zeros()
    {
        RldsStep[] first = [.. new[] { 1f, 2, 3 }.Select(x => RldsStep.Of(("observation", RldsValue.Float(x))))];
        RldsStep[] second = [.. Enumerable.Repeat(RldsStep.Of(("reward", RldsValue.Float(1))), 3)];

        var both = StepTransforms.Concatenate(first, second);

        Assert.Equal([1, 2, 3, 0, 0, 0], both.Select(step => step["observation"].Number));
        Assert.Equal([0, 0, 0, 1, 1, 1], both.Select(step => step["reward"].Number));
    }

    [Fact]
    public void An_absorbing_state_follows_a_terminal_step_only()
    {
        RldsStep[] steps = [Sar(0), Sar(1), Sar(2).With("is_terminal", RldsValue.Bool(true))];
        IReadOnlyList<RldsStep> Extra(IReadOnlyList<RldsStep> given) => [.. given.Take(1).Select(step => RldsStep.Of(step.Fields.Select(f => (f.Key, f.Value.ZeroLike()))))];

        var absorbed = StepTransforms.ConcatIfTerminal(steps, Extra);

        Assert.Equal(4, absorbed.Count);
        Assert.All(absorbed[3].Fields, field => Assert.True(field.Value.IsZero));
        Assert.Equal(2, StepTransforms.ConcatIfTerminal(steps[..2], Extra).Count);
    }

    [Fact]
    public void Truncation_keeps_the_step_that_fulfils_the_condition()
    {
        RldsStep[] steps = [Sar(0), Sar(1), Sar(2)];

        Assert.Equal(2, StepTransforms.TruncateAfter(steps, step => step["reward"].Number == 1).Count());
        Assert.Equal(3, StepTransforms.TruncateAfter(steps, step => step["reward"].Number == 9).Count());
        Assert.Equal(3, StepTransforms.Length(steps));
        Assert.Equal(2, StepTransforms.Final(steps)["reward"].Number);
        Assert.Equal([3, 3], StepTransforms.Sum(steps, step => [step["reward"].Number, 1]));
        Assert.Equal(2, StepTransforms.AddAlignment(steps[0], AlignmentType.Sar)["alignment"].Number);
    }

    [Fact]
    public void Mean_and_deviation_are_those_of_rlds()
    {
        // Two episodes of three steps: observations of means 1 and 1; the action of one last step is masked.
        float[][] observations = [[0, 0], [0, 0], [0, 1], [2, 1], [2, 2], [2, 2]];
        float[][] actions = [[-6, 5, 20], [7, 13, 20], [11, 15, 21], [13, 16, 22], [15, 16, 22], [99, 99, 99]];
        var moments = new MeanAndStd();
        for (var i = 0; i < 6; i++)
        {
            var step = RldsStep.Of(
                ("observation", RldsValue.Tensor("float32", [2], observations[i])),
                ("action", RldsValue.Tensor("float32", [3], actions[i])),
                ("is_last", RldsValue.Bool(i == 5)));
            moments.Add(step, ["observation", "action"], MeanAndStd.SarMask);
        }

        Close([1, 1], moments.Of("observation").Mean);
        Close([Math.Sqrt(6.0 / 5), Math.Sqrt(4.0 / 5)], moments.Of("observation").Std);
        Close([8, 13, 21], moments.Of("action").Mean);
        Close([Math.Sqrt(70), Math.Sqrt(21.5), 1], moments.Of("action").Std);
    }

    [Fact]
    public void A_pattern_makes_transitions_within_episodes_or_across()
    {
        RldsStep[][] episodes = [[Sar(0), Sar(1), Sar(2)], [Sar(10)]];
        var pattern = new StepPattern(
            [
                StepPattern.At("s", "observation/x", -2), StepPattern.At("a", "action", -2), StepPattern.At("r", "reward", -2),
                StepPattern.At("next", "observation/x", -1),
            ],
            []);

        var transitions = pattern.Map(episodes).ToArray();

        Assert.Equal(2, transitions.Length);
        Assert.Equal([(0, 1), (1, 2)], transitions.Select(item => (item["s"][0].Number, item["next"][0].Number)));
        Assert.Equal(3, pattern.Map(episodes, respectEpisodeBoundaries: false).Count());
        Assert.Single((pattern with { Conditions = [(_, index, _) => index % 2 == 0] }).Map(episodes));
        Assert.Equal([[0, 1], [1, 2]], new StepPattern([("x", "reward", -2, 2)], []).Map(episodes).Select(item => item["x"].Select(v => v.Number)));
        Assert.Throws<ArgumentException>(() => new StepPattern([StepPattern.At("s", "reward", 0)], []).Map(episodes));
    }

    [Fact]
    public void A_schema_fills_steps_and_says_whether_it_is_rlds()
    {
        var step = new FeatureNode
        {
            Kind = FeatureKind.Dict,
            Connector = "",
            Children =
            [
                KeyValuePair.Create("x", new FeatureNode { Kind = FeatureKind.Tensor, Connector = "", DType = "float32", Shape = [-1, 3] }),
                KeyValuePair.Create("t", new FeatureNode { Kind = FeatureKind.Text, Connector = "", DType = "string" }),
            ],
        };

        Assert.Equal([1L, 3], SpecFill.Zeros(step)["x"].Shape);
        Assert.All(SpecFill.Zeros(step).Fields, field => Assert.True(field.Value.IsZero));
        Assert.All(SpecFill.Uniform(step, new Random(1))["x"].ToDoubles(), value => Assert.InRange(value, 0, 1));
        Assert.False(SpecFill.IsValidRlds(step));
    }

    [Fact]
    public void Episodes_are_mapped_as_they_are_asked_for()
    {
        var read = 0;
        IEnumerable<RldsEpisode> Episodes()
        {
            while (true)
            {
                read++;
                yield return new RldsEpisode(ImmutableSortedDictionary<string, RldsValue>.Empty, [Sar(1), Sar(2)]);
            }
        }

        var first = StepTransforms.MapSteps(Episodes(), step => step.With("reward", RldsValue.Float(5))).First();

        Assert.Equal([5, 5], first.Steps.Select(step => step["reward"].Number));
        Assert.Equal(1, read);
    }

    private static RldsStep Sar(float value) => RldsStep.Of(
        ("observation/x", RldsValue.Float(value)), ("action", RldsValue.Float(value)), ("reward", RldsValue.Float(value)));

    private static void Close(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }
}
