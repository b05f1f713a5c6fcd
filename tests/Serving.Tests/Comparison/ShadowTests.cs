using Serving.Experiments;
using Serving.Models;
using Serving.Testing;

namespace Serving.Tests.Comparison;

/// <summary>The whole comparison in a real server with tiny models, whose judge knows nothing: only that things happen as decided is seen here.</summary>
public sealed class ShadowTests : IDisposable
{
    private const int MinPairs = 5;

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_candidate_is_compared_behind_the_answers_and_promoted_when_the_evidence_is_there()
    {
        await using var app = App(margin: 1);
        await app.ReadyAsync(Token);
        var store = new ModelStore(app.ModelsRoot, TimeProvider.System);
        TinyPolicy.Publish(store, "student", seed: 3);
        await KnownAsync(app, "student@2");

        Assert.Equal("student@1", (await app.ChatAsync("distilled", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
        Assert.Equal("anchor@1", (await app.ChatAsync("auto", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
        var decision = await DecidedAsync(app, store);

        Assert.Equal((DecisionKind.Promote, 2, "gate"), (decision.Kind, decision.Version, decision.By));
        var pairs = PairLog.Read(Root, "student@2");
        Assert.InRange(pairs.Count, MinPairs, int.MaxValue);
        Assert.All(pairs, pair => Assert.Equal(("best-of-4:anchor@1", "student@2", "judge@1"), (pair.Baseline.Arm, pair.Candidate.Arm, pair.Judge)));
        Assert.All(pairs, pair => Assert.True(pair.Baseline.TokensSpent > pair.Candidate.TokensSpent));
        Assert.Equal("student@2", (await app.ChatAsync("distilled", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
        Assert.Equal("student@2", (await app.ChatAsync("auto", "dates", "\"max_tokens\": 4, \"user\": \"u-1\"", Token)).Json["model"]!.ToString());
    }

    [Fact]
    public async Task A_candidate_that_is_shown_nothing_for_is_given_up_and_never_serves()
    {
        await using var app = App(margin: 0, most: MinPairs);
        await app.ReadyAsync(Token);
        var store = new ModelStore(app.ModelsRoot, TimeProvider.System);
        TinyPolicy.Publish(store, "student", seed: 3);
        await KnownAsync(app, "student@2");

        var decision = await DecidedAsync(app, store);

        Assert.Equal((DecisionKind.Hold, 2), (decision.Kind, decision.Version));
        Assert.Equal("student@1", (await app.ChatAsync("distilled", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
        Assert.Equal("anchor@1", (await app.ChatAsync("auto", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
    }

    [Fact]
    public async Task A_server_starts_and_serves_after_its_only_distilled_version_was_rolled_back()
    {
        await using var app = new ServingApp(publish: store =>
        {
            ServingApp.PublishDefaults(store);
            new DecisionLog(store, TimeProvider.System).Append("student", new Decision(DecisionKind.RollBack, 1, "gate", "worse") { From = 1 });
        });

        await app.ReadyAsync(Token).WaitAsync(TimeSpan.FromMinutes(1), Token);

        Assert.Equal("student@1", (await app.ChatAsync("distilled", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
        Assert.Equal("anchor@1", (await app.ChatAsync("auto", "dates", "\"max_tokens\": 4", Token)).Json["model"]!.ToString());
    }

    [Fact]
    public async Task What_may_not_be_kept_is_not_compared()
    {
        await using var app = App(margin: 1);
        await app.ReadyAsync(Token);

        var kept = new List<string>();
        while (PairLog.Read(Root, "student@1").Count < 3)
        {
            await app.ChatAsync("best-of-n", "not kept", "\"max_tokens\": 4, \"store\": false", Token);
            kept.Add((await app.ChatAsync("best-of-n", "kept", "\"max_tokens\": 4", Token)).Json["id"]!.ToString());
        }

        Assert.All(PairLog.Read(Root, "student@1"), pair => Assert.Contains(pair.Id, kept));
    }

    [Fact]
    public async Task Auto_gives_a_candidate_the_share_that_the_operator_allows_and_one_user_one_arm()
    {
        await using var app = App(margin: 0, candidateShare: 0.5);
        await app.ReadyAsync(Token);
        var arms = new Dictionary<string, string>();
        for (var i = 0; i < 80; i++)
        {
            var user = $"u-{i % 40}";
            var model = (await app.ChatAsync("auto", $"dates {i}", $"\"max_tokens\": 2, \"user\": \"{user}\"", Token)).Json["model"]!.ToString();
            Assert.Equal(model, arms.GetValueOrDefault(user, model));
            arms[user] = model;
        }

        Assert.InRange(arms.Values.Count(model => model == "student@1"), 8, 32);
        while (ExposureLog.Read(Root).Count() < 80)
        {
            await Task.Delay(20, Token);
        }

        Assert.All(ExposureLog.Read(Root), exposure => Assert.Equal(exposure.Assignment.Arm == Arm.Distilled ? "student@1" : "anchor@1", exposure.Policy));
    }

    [Fact]
    public async Task Feedback_is_taken_on_what_auto_answers_by_either_arm_while_arms_are_compared()
    {
        await using var app = App(margin: 0, candidateShare: 0.5);
        await app.ReadyAsync(Token);
        for (var i = 0; i < 20; i++)
        {
            var id = (await app.ChatAsync("auto", $"dates {i}", $"\"max_tokens\": 2, \"user\": \"u-{i}\"", Token)).Json["id"]!.ToString();
            var reply = await app.PostAsync("/v1/feedback", $"{{\"inference_id\": \"{id}\", \"metric_name\": \"rating\", \"value\": 1}}", Token);
            Assert.Equal(200, (int)reply.Status);
        }
    }

    [Fact]
    public async Task Without_a_judge_the_server_serves_and_says_that_nothing_is_compared()
    {
        await using var app = App(margin: 1, judge: "nobody");
        await app.ReadyAsync(Token);
        while (!app.Log.Lines.Any(line => line.Contains("Arms are not compared", StringComparison.Ordinal)))
        {
            await Task.Delay(20, Token);
        }

        Assert.Equal(200, (int)(await app.ChatAsync("best-of-n", "dates", "\"max_tokens\": 2", Token)).Status);
    }

    public void Dispose() => _folder.Dispose();

    private string Root => _folder.File("experiments");

    private ServingApp App(double margin, int most = 1000, double candidateShare = 0, string judge = "judge") => new(
        new Dictionary<string, string>
        {
            ["Models:PollInterval"] = "00:00:00.05",
            ["Generation:Candidates"] = "4",
            ["Experiments:Root"] = Root,
            ["Experiments:Gate"] = "Automatic",
            ["Experiments:ShadowShare"] = "1",
            ["Experiments:Margin"] = Text(margin),
            ["Experiments:MinPairs"] = Text(MinPairs),
            ["Experiments:MaxPairs"] = Text(most),
            ["Experiments:MustBeCheaper"] = "false",
            ["Experiments:CandidateShare"] = Text(candidateShare),
            ["Experiments:ControlShare"] = "0",
            ["Experiments:Judge"] = judge,
            ["Experiments:Guardrails:Support"] = "1",
            ["Experiments:Guardrails:Contradiction"] = "1",
            ["Experiments:Guardrails:Repetition"] = "1",
            ["Experiments:Guardrails:Empty"] = "1",
            ["Experiments:Guardrails:ShortestLength"] = "0",
            ["Experiments:Guardrails:LongestLength"] = "1000",
        },
        store =>
        {
            ServingApp.PublishDefaults(store);
            TinyScorer.Publish(store, "judge", TinyScorer.Config(TinyScorer.EntailmentLabels), seed: 9);
        });

    private static string Text(IFormattable number) => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture);

    private static async Task KnownAsync(ServingApp app, string model)
    {
        while (!(await app.Client.GetAsync(new Uri($"/v1/models/{model}", UriKind.Relative), Token)).IsSuccessStatusCode)
        {
            await Task.Delay(20, Token);
        }
    }

    /// <summary>Sends requests until the gate has decided, and the server follows.</summary>
    private static async Task<Decision> DecidedAsync(ServingApp app, ModelStore store)
    {
        var decisions = new DecisionLog(store, TimeProvider.System);
        for (var i = 0; ; i++)
        {
            await app.ChatAsync("best-of-n", $"dates {i}", "\"max_tokens\": 6", Token);
            if (decisions.Read("student").Decisions is [.., var decision])
            {
                return decision;
            }
        }
    }
}
