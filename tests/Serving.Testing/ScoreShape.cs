namespace Serving.Testing;

/// <summary>How the difference of two scores of one prompt is spread: three kinds of judges. Stateless.</summary>
public enum ScoreShape
{
    /// <summary>Scores that move together: differences with a standard deviation of about 0.1.</summary>
    Close,

    /// <summary>Scores that do not: independent and uniform in between, a standard deviation of about 0.35.</summary>
    Wide,

    /// <summary>A judge that only says win, tie or loss: 35 %, 30 %, 35 %.</summary>
    WinOrLoss,
}

/// <summary>Draws from them.</summary>
public static class ScoreShapes
{
    /// <summary>One difference in [-1,1] of the given mean, whose absolute value is at most 0.2.</summary>
    public static double Draw(this ScoreShape shape, Random random, double mean) => shape switch
    {
        ScoreShape.Close => mean + ((random.NextDouble() + random.NextDouble() - 1) * 0.25),
        ScoreShape.Wide => mean + ((random.NextDouble() - random.NextDouble()) * 0.8),
        _ => random.NextDouble() is var draw && draw < 0.35 + (mean / 2) ? 1 : draw < 0.65 + (mean / 2) ? 0 : -1,
    };
}
