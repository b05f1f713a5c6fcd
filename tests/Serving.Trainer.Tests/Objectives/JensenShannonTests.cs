using Serving.Trainer.Objectives;
using TorchSharp;
using static Serving.Trainer.Tests.Objectives.Testbed;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Objectives;

public sealed class JensenShannonTests
{
    private static readonly double[] _teacher2 = [.9, .1];
    private static readonly double[] _student2 = [.1, .9];
    private static readonly double[] _teacher3 = [.5, .3, .2];
    private static readonly double[] _student3 = [.2, .2, .6];

    [Theory]
    [InlineData(.1, .146310513)]
    [InlineData(.25, .285781329)]
    [InlineData(.5, .368064207)]
    [InlineData(.75, .285781329)]
    [InlineData(.9, .146310513)]
    [InlineData(0, 1.757779662)]
    [InlineData(1, 1.757779662)]
    public void Two_tokens_give_the_known_values(double beta, double expected)
    {
        Assert.Equal(expected, Value(_student2, _teacher2, beta), 1e-9);
    }

    [Theory]
    [InlineData(0, .360062441)]
    [InlineData(1, .394816205)]
    [InlineData(.1, .032251071)]
    [InlineData(.5, .090565850)]
    [InlineData(.9, .034637337)]
    public void Three_tokens_give_the_known_values_and_the_ends_are_plain_divergences(double beta, double expected)
    {
        Assert.Equal(expected, Value(_student3, _teacher3, beta), 1e-9);
    }

    [Fact]
    public void It_is_zero_on_equal_models_symmetric_at_one_half_and_depends_on_temperature()
    {
        Assert.Equal(0, Value(_teacher3, _teacher3, .3), 1e-15);
        Assert.Equal(Value(_student3, _teacher3, .5), Value(_teacher3, _student3, .5), 1e-15);
        Assert.NotEqual(Value(_student3, _teacher3, .1), Value(_teacher3, _student3, .1), 1e-4);
        Assert.NotEqual(Value(_student3, _teacher3, .5), Value(_student3, _teacher3, .5, temperature: 2), 1e-3);
        Assert.Equal(1.757424, Value(_student2, _teacher2, 1e-4) / 1e-4, 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(.1)]
    [InlineData(.5)]
    [InlineData(.9)]
    [InlineData(1)]
    public void Its_gradient_equals_finite_differences(double beta)
    {
        using var scope = NewDisposeScope();
        var teacher = Vector([.3, -1.2, .8, 2.0, -.5, .1]).view(2, 3);
        double[] student = [1.1, .2, -.7, .4, .9, -1.3];

        var gap = FiniteDifferenceGap(student, x => (JensenShannon.PerToken(x.view(2, 3), teacher, beta, 1.7) * Vector([1, .3])).sum());

        Assert.True(gap < 1e-9, $"gap {gap}");
    }

    [Fact]
    public void One_value_per_token_and_no_gradient_for_the_teacher()
    {
        using var scope = NewDisposeScope();
        var teacher = randn(4, 5).requires_grad_();
        var student = randn(4, 5).requires_grad_();

        var values = JensenShannon.PerToken(student, teacher, .5);
        values.sum().backward();

        Assert.Equal([4], values.shape);
        Assert.NotNull(student.grad);
        Assert.Null(teacher.grad);
    }

    [Fact]
    public void Models_with_different_vocabularies_are_refused()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ArgumentException>(() => JensenShannon.PerToken(zeros(2, 5), zeros(2, 6), .5));
        Assert.Contains("tokenizer", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => JensenShannon.PerToken(zeros(2, 5), zeros(2, 5), 1.5));
    }

    private static double Value(double[] student, double[] teacher, double beta, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        return JensenShannon.PerToken(Logs(student), Logs(teacher), beta, temperature).item<double>();
    }
}
