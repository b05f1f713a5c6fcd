namespace Serving.Trainer.Objectives;

/// <summary>
/// h(x) = sign(x) (sqrt(|x| + 1) - 1) + eps x and its inverse (arXiv:1805.11593; R2D2): a value is learnt as h(v), so that large rewards do not need large weights.
/// Pure.
/// </summary>
public static class ValueRescaling
{
    private const double Epsilon = 1e-3;

    public static double Rescale(double x) => (Math.Sign(x) * (Math.Sqrt(Math.Abs(x) + 1) - 1)) + (Epsilon * x);

    public static double Inverse(double x)
    {
        var root = (Math.Sqrt(1 + (4 * Epsilon * (Math.Abs(x) + 1 + Epsilon))) - 1) / (2 * Epsilon);
        return Math.Sign(x) * ((root * root) - 1);
    }
}
