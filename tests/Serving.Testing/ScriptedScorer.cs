using Serving.Scoring;

namespace Serving.Testing;

/// <summary>A scorer that is code: one function from (source, answer) to a score, with the name of one of the real scorers.</summary>
public sealed class ScriptedScorer(string name, Func<string, string, CancellationToken, Task<float>> score) : ITextScorer
{
    public string Name => name;

    public string Digest => "sha256:scripted";

    public Task<float> ScoreAsync(string source, string answer, CancellationToken cancellationToken) => score(source, answer, cancellationToken);

    /// <summary>Scorecards whose only scorer is this function, under the name "style".</summary>
    public static Scorecards Alone(Func<string, string, CancellationToken, Task<float>> score) =>
        new(new Scorecard("scripted", [new ScorecardEntry("style", 1)]), [new ScriptedScorer("style", score)]);
}
