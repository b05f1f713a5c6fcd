using Serving.Trainer.ScorerTraining;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class SeparationTests
{
    [Fact]
    public void Auc_counts_ties_half()
    {
        Assert.Equal(1, Separation.Auc([2, 3], [0, 1]));
        Assert.Equal(0, Separation.Auc([0], [1, 2]));
        Assert.Equal(0.5, Separation.Auc([1, 1], [1, 1]));
        Assert.Equal(0.625, Separation.Auc([1, 2], [1, 1.5f]));
    }

    [Fact]
    public void Probabilities_that_come_true_as_often_as_they_say_have_no_calibration_error()
    {
        // Both sides weigh the same: 3 of 4 positives and 1 of 4 negatives say 0.75.
        Assert.Equal(0, Separation.CalibrationError([0.75, 0.75, 0.75, 0.25], [0.75, 0.25, 0.25, 0.25]), 12);
    }

    [Fact]
    public void Certainty_that_is_wrong_half_the_time_has_a_calibration_error_of_a_half()
    {
        Assert.Equal(0.5, Separation.CalibrationError([1, 1], [1, 1, 1]), 12);
    }

    [Fact]
    public void Correlation_is_that_of_Pearson()
    {
        Assert.Equal(1, Separation.Correlation([1, 2, 3], [10, 20, 30]), 12);
        Assert.Equal(-1, Separation.Correlation([1, 2, 3], [3, 2, 1]), 12);
        Assert.Equal(0.5, Separation.Correlation([1, 2, 3], [1, 3, 2]), 12);
        Assert.Equal(0, Separation.Correlation([1, 2, 3], [5, 5, 5]), 12);
    }
}
