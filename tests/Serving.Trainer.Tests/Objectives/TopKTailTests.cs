using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class TopKTailTests
{
    private static readonly double[] _teacher = [2, -1, .5, 0, -3, 1, .2, -.4];
    private static readonly double[] _student = [-.3, .8, 1.5, -2, .1, 0, 0, 1];

    [Theory]
    [InlineData(0)]
    [InlineData(.5)]
    [InlineData(1)]
    public void Fewer_stored_tokens_tell_less_and_all_of_them_everything(double beta)
    {
        using var scope = NewDisposeScope();
        var divergences = Enumerable.Range(1, 8).Select(count => Value(count, beta)).ToArray();

        Assert.Equal(JensenShannon.PerToken(Row(_student), Row(_teacher), beta, 1.3).item<double>(), divergences[^1], 1e-12);
        Assert.Equal(divergences.Order(), divergences);
        Assert.True(divergences[0] > 0 && divergences[0] < .95 * divergences[^1]);
    }

    [Fact]
    public void The_likeliest_tokens_and_the_rest_add_up_to_one()
    {
        using var scope = NewDisposeScope();
        var (ids, logProbs) = TopKTail.Of(Row(_teacher), 3);

        Assert.Equal([0, 5, 2], ids.data<long>().ToArray());
        Near([1], Values(TopKTail.Stored(logProbs).exp().sum(-1)), 1e-14);
        Near([1], Values(TopKTail.Buckets(Row(_student), ids).exp().sum(-1)), 1e-14);
        Near(Values(TopKTail.Buckets(Row(_teacher), ids)), Values(TopKTail.Stored(logProbs)), 1e-12);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    public void Its_gradient_equals_finite_differences(int count)
    {
        using var scope = NewDisposeScope();
        var (ids, logProbs) = TopKTail.Of(Row(_teacher), count);

        var gap = FiniteDifferenceGap(_student, x => JensenShannon.PerToken(TopKTail.Buckets(x.unsqueeze(0), ids), TopKTail.Stored(logProbs), .3).sum());

        Assert.True(gap < 1e-9, $"gap {gap}");
    }

    private static double Value(int count, double beta)
    {
        var (ids, logProbs) = TopKTail.Of(Row(_teacher), count, 1.3);
        return JensenShannon.PerToken(TopKTail.Buckets(Row(_student), ids, 1.3), TopKTail.Stored(logProbs), beta).item<double>();
    }

    private static Tensor Row(double[] logits) => Vector(logits).unsqueeze(0);
}
