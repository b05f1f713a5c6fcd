using Serving.Observability;
using Serving.Scoring;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class ScoreAdmissionTests
{
    private readonly ScoreAdmission _admission = new(limit: 10);

    [Fact]
    public void Requests_beyond_the_limit_are_refused_until_others_are_over()
    {
        var first = _admission.Enter(6);
        using var second = _admission.Enter(4);
        var refused = Assert.Throws<ApiException>(() => _admission.Enter(1)).Error;

        first.Dispose();

        Assert.Equal((429, "overloaded"), (refused.Status, refused.Code));
        Assert.NotNull(refused.RetryAfter);
        using var third = _admission.Enter(6);
        Assert.Throws<ApiException>(() => _admission.Enter(1));
    }

    [Fact]
    public void When_nothing_is_in_work_a_request_of_any_size_is_taken()
    {
        using (_admission.Enter(1000))
        {
            Assert.Throws<ApiException>(() => _admission.Enter(1));
        }

        using var next = _admission.Enter(1000);
    }
}
