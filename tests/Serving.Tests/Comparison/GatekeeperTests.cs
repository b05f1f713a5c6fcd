using Microsoft.Extensions.DependencyInjection;
using Serving.Comparison;
using Serving.Experiments;
using Serving.Models;
using Serving.Testing;

namespace Serving.Tests.Comparison;

/// <summary>What follows from evidence, in a real server; the evidence itself is given.</summary>
public sealed class GatekeeperTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_worse_version_that_an_operator_has_forced_in_is_rolled_back_by_itself()
    {
        await using var app = App();
        await app.ReadyAsync(Token);
        var (store, decisions) = await CandidateAsync(app);
        decisions.Append("student", new Decision(DecisionKind.Promote, 2, "operator", "I know better.") { From = 1 });
        app.Services.GetRequiredService<ModelWatcher>().LookNow("student");
        Assert.Equal("student@2", await AnsweredByAsync(app));

        var pairs = Feed(app, store.Find("student@2"), candidate: 0.2, isPromoted: true, until: () => decisions.Read("student").Decisions.Count > 1);

        Assert.Equal((DecisionKind.RollBack, 2, "gate"), Shape(decisions.Read("student").Decisions[^1]));
        Assert.InRange(pairs, 10, 400);
        Assert.Equal("student@1", await AnsweredByAsync(app));
        Assert.Equal("anchor@1", (await app.ChatAsync("auto", "dates", "\"max_tokens\": 2", Token)).Json["model"]!.ToString());
    }

    [Fact]
    public async Task A_worse_candidate_is_never_promoted()
    {
        await using var app = App();
        await app.ReadyAsync(Token);
        var (store, decisions) = await CandidateAsync(app);

        Feed(app, store.Find("student@2"), candidate: 0.6, isPromoted: false, until: () => decisions.Read("student").Decisions.Count > 0);

        Assert.Equal((DecisionKind.RollBack, 2, "gate"), Shape(Assert.Single(decisions.Read("student").Decisions)));
        Assert.Equal("student@1", await AnsweredByAsync(app));
    }

    [Fact]
    public async Task An_equal_candidate_is_promoted_and_the_record_holds_what_it_rests_on()
    {
        await using var app = App();
        await app.ReadyAsync(Token);
        var (store, decisions) = await CandidateAsync(app);

        var pairs = Feed(app, store.Find("student@2"), candidate: 0.8, isPromoted: false, until: () => decisions.Read("student").Decisions.Count > 0);

        var decision = Assert.Single(decisions.Read("student").Decisions);
        Assert.Equal((DecisionKind.Promote, 2, "gate"), Shape(decision));
        Assert.Equal((pairs, 0.1), (GateFiles.ReadState(decision.Inputs)!.N, GateFiles.ReadRules(decision.Inputs)!.Margin));
        Assert.Equal("student@2", await AnsweredByAsync(app));
    }

    [Fact]
    public async Task An_operator_can_roll_back_what_the_gate_has_promoted()
    {
        await using var app = App();
        await app.ReadyAsync(Token);
        var (store, decisions) = await CandidateAsync(app);
        Feed(app, store.Find("student@2"), candidate: 0.8, isPromoted: false, until: () => decisions.Read("student").Decisions.Count > 0);
        Assert.Equal(1, decisions.Read("student").Decisions[0].From);

        app.Services.GetRequiredService<VersionActions>().Decide("student", DecisionKind.RollBack, null, "users complain");
        app.Services.GetRequiredService<ModelWatcher>().LookNow("student");

        Assert.Equal("student@1", await AnsweredByAsync(app));
    }

    private static (DecisionKind, int, string) Shape(Decision decision) => (decision.Kind, decision.Version, decision.By);

    private static async Task<string> AnsweredByAsync(ServingApp app) =>
        (await app.ChatAsync("distilled", "dates", "\"max_tokens\": 2", Token)).Json["model"]!.ToString();

    private static ServingApp App() => new(new Dictionary<string, string>
    {
        ["Models:PollInterval"] = "00:00:00.05",
        ["Experiments:Gate"] = "Automatic",
        ["Experiments:ShadowShare"] = "0",
        ["Experiments:Margin"] = "0.1",
    });

    private static async Task<(ModelStore Store, DecisionLog Decisions)> CandidateAsync(ServingApp app)
    {
        var store = new ModelStore(app.ModelsRoot, TimeProvider.System);
        TinyPolicy.Publish(store, "student", seed: 3);
        while (!(await app.Client.GetAsync(new Uri("/v1/models/student@2", UriKind.Relative), Token)).IsSuccessStatusCode)
        {
            await Task.Delay(20, Token);
        }

        return (store, new DecisionLog(store, TimeProvider.System));
    }

    /// <summary>Pairs whose candidate scores so much on average and whose baseline 0.8; returns how many it took.</summary>
    private static int Feed(ServingApp app, ModelFolder version, double candidate, bool isPromoted, Func<bool> until)
    {
        var gatekeeper = app.Services.GetRequiredService<Gatekeeper>();
        var random = new Random(1);
        for (var i = 1; ; i++)
        {
            gatekeeper.Add(version, new Pair
            {
                Id = $"chatcmpl-{i}",
                Time = DateTimeOffset.UnixEpoch.AddSeconds(i),
                Candidate = Answer(version.Id, candidate, random, milliseconds: 10, tokens: 8),
                Baseline = Answer("best-of-16:anchor@1", 0.8, random, milliseconds: 100, tokens: 128),
                IsPromoted = isPromoted,
            });
            if (until())
            {
                return i;
            }

            Assert.InRange(i, 1, 5000);
        }
    }

    private static ComparedAnswer Answer(string arm, double score, Random random, double milliseconds, int tokens) => new()
    {
        Arm = arm,
        Score = score + (0.2 * (random.NextDouble() - 0.5)),
        Support = score,
        Contradiction = 1 - score,
        Repetition = 0,
        Tokens = 8,
        TokensSpent = tokens,
        LatencyMilliseconds = milliseconds * (1 + random.NextDouble()),
    };
}
