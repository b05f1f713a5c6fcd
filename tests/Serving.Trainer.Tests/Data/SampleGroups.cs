using Serving.Episodes;
using Serving.Trainer.Data;

namespace Serving.Trainer.Tests.Data;

/// <summary>Made-up groups and episodes with known ranks.</summary>
internal static class SampleGroups
{
    /// <summary>A group whose candidates have the given rewards; tokens and log-probs are functions of their index.</summary>
    public static CandidateGroup Group(string id, double[] rewards, bool independent = true, int prompt = 3, CandidateSource source = CandidateSource.Logged) => new()
    {
        Id = id,
        Source = "source of " + id,
        Prompt = [.. Enumerable.Range(10, prompt)],
        Candidates = [.. rewards.Select((reward, i) => new GroupCandidate(Tokens(i), -1.5 - (.25 * i), reward, (ulong)(100 + i), source))],
        Independent = independent,
    };

    /// <summary>One to three tokens and the end token.</summary>
    public static int[] Tokens(int index) => [.. Enumerable.Range(40 + (3 * index), 1 + (index % 3)), 2];

    public static Episode Episode(string id, double[] totals, string policy = "anchor@1", bool independent = true, string? source = null) => new()
    {
        Id = id,
        Created = DateTimeOffset.UnixEpoch,
        Policy = policy,
        PolicyDigest = "sha256:p",
        Scorecard = "default",
        ScorecardDigest = "sha256:s",
        Source = source ?? "source of " + id,
        Prompt = "<s>source<sum>",
        PromptTokens = [1, 30, 31, 3],
        Seed = 7,
        Temperature = 1,
        TopK = 0,
        TopP = 1,
        Chosen = 0,
        Independent = independent,
        Candidates = [.. totals.Select((total, i) => new EpisodeCandidate
        {
            Text = "answer " + i,
            Tokens = Tokens(i),
            LogProbs = [.. Tokens(i).Select(_ => -2f)],
            SampledLogProbs = [.. Tokens(i).Select(_ => -.5f)],
            Finished = true,
            Total = total,
            Scores = [],
        })],
    };
}
