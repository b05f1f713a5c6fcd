using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class PolicyRegistryTests : IDisposable
{
    private static readonly InferenceOptions _engine = new() { Slots = 4, ContextLength = 64 };
    private static readonly OnnxOptions _session = new() { Threads = 1 };

    private readonly TemporaryFolder _folder = new();
    private readonly LogLines<ModelWatcher> _log = new();
    private readonly ModelOptions _options = new() { PollInterval = TimeSpan.FromMilliseconds(50), MaxCanaryDivergence = 0 };
    private readonly ModelStore _store;
    private readonly ModelWatcher _watcher;
    private PolicyRegistry? _registry;

    public PolicyRegistryTests()
    {
        _store = new ModelStore(_folder.Path, TimeProvider.System);
        _watcher = new ModelWatcher(_store, new DecisionLog(_store, TimeProvider.System), Options.Create(_options), TimeProvider.System, _log);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _watcher.Dispose();
        _registry?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Both_policies_are_found_by_alias_name_and_version()
    {
        TinyPolicy.Publish(_store, "anchor");
        TinyPolicy.Publish(_store, "student", seed: 2);
        var registry = await StartAsync();
        Assert.False(registry.Ready);
        Assert.Null(registry.LoadError);
        Assert.Null(registry.Acquire("anchor"));
        Assert.Empty(registry.Current());
        Assert.Empty(registry.Served());

        Look();

        Assert.True(registry.Ready);
        Assert.Null(registry.LoadError);
        Assert.Equal("anchor@1", IdOf("best-of-n"));
        Assert.Equal("student@1", IdOf("distilled"));
        Assert.Equal("anchor@1", IdOf("anchor"));
        Assert.Equal("student@1", IdOf("student"));
        Assert.Equal("student@1", IdOf("student@1"));
        Assert.All(["", "Anchor", "reward", "anchor@2", "anchor@01", "anchor@", "best-of-n@1", "@1"], model => Assert.Null(registry.Acquire(model)));
        Assert.Equal(["anchor@1", "student@1"], registry.Current().Select(policy => policy.Id).Order());
        Assert.Equal(
            ["anchor", "anchor@1", "auto", "best-of-n", "distilled", "student", "student@1"], registry.Served().Select(model => model.Id).Order(StringComparer.Ordinal));
        Assert.All(registry.Served(), model => Assert.Equal(64, model.MaxTokens));
    }

    [Fact]
    public async Task One_name_behind_both_aliases_is_loaded_once()
    {
        TinyPolicy.Publish(_store, "anchor");
        _options.Distilled = "anchor";
        var loads = 0;
        var registry = await StartAsync(folder =>
        {
            loads++;
            return Load(folder);
        });

        Look();

        using var anchor = registry.Acquire("best-of-n")!;
        using var distilled = registry.Acquire("distilled")!;
        Assert.Same(anchor.Value, distilled.Value);
        Assert.Equal(1, loads);
        Assert.Equal(["best-of-n", "distilled", "auto", "anchor", "anchor@1"], registry.Served().Select(model => model.Id));
    }

    [Fact]
    public async Task A_configured_policy_without_any_version_stops_the_start_and_says_what_to_set()
    {
        TinyPolicy.Publish(_store, "anchor");

        var e = await Assert.ThrowsAsync<ModelException>(() => StartAsync());

        Assert.Contains($"Models:Root = {_folder.Path} has no version of \"student\", which Models:Distilled asks for.", e.Message, StringComparison.Ordinal);
        Assert.Contains("It holds anchor.", e.Message, StringComparison.Ordinal);
        Look();
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task A_damaged_only_version_is_named_at_the_start()
    {
        var anchor = TinyPolicy.Publish(_store, "anchor");
        File.WriteAllText(anchor.File("manifest.json"), "{");

        var e = await Assert.ThrowsAsync<ModelException>(() => StartAsync());

        Assert.Contains("which Models:Anchor asks for. It holds no models.", e.Message, StringComparison.Ordinal);
        Assert.Contains("not valid JSON", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_the_first_load_fails_the_reason_is_told_and_a_good_version_heals_it()
    {
        var anchor = Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        File.AppendAllText(anchor.File("model.safetensors"), "x");
        var registry = await StartAsync();

        Look();

        Assert.False(registry.Ready);
        Assert.Contains("model.safetensors: its sha256 is", registry.LoadError, StringComparison.Ordinal);
        Assert.Null(registry.Acquire("best-of-n"));
        Assert.Equal("student@1", IdOf("distilled"));

        Publish("anchor", seed: 3);
        Look();

        Assert.True(registry.Ready);
        Assert.Null(registry.LoadError);
        Assert.Equal("anchor@2", IdOf("best-of-n"));
    }

    [Fact]
    public async Task When_the_newest_version_is_bad_the_start_falls_back_to_the_one_before()
    {
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        var bad = Publish("student", seed: 3);
        File.Delete(bad.File("model.onnx"));
        var registry = await StartAsync();

        Look();

        Assert.True(registry.Ready);
        Assert.Equal("student@1", IdOf("distilled"));
    }

    [Fact]
    public async Task A_version_that_does_not_fit_is_refused_and_the_current_one_stays()
    {
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        await StartAsync();
        Look();

        _store.Publish("student", ModelKind.Policy, folder =>
        {
            TinyPolicy.Write(folder, seed: 3);
            File.AppendAllText(Path.Combine(folder, "tokenizer.json"), "\n");
        });
        Look();
        Assert.Contains("student@2 has another tokenizer.json than student@1; publish it under a new name.", _log.Lines[^1], StringComparison.Ordinal);

        _store.Publish("student", ModelKind.Scorer, folder => TinyPolicy.Write(folder, seed: 3));
        Look();
        Assert.Contains("student@3 is a Scorer, not a Policy", _log.Lines[^1], StringComparison.Ordinal);

        _store.Publish("student", ModelKind.Policy, folder =>
        {
            TinyPolicy.Write(folder, seed: 3);
            var weights = TinyPolicy.Weights(TinyPolicy.Config, 3).Select(tensor => tensor with { Values = Enumerable.Repeat(float.NaN, tensor.Values.Length).ToArray() });
            SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. weights]);
        });
        Look();
        Look();
        Assert.StartsWith("Error 1002: Refused the model version in", _log.Lines[^1], StringComparison.Ordinal);
        Assert.Equal(5, _log.Lines.Count);
        Assert.Equal("student@1", IdOf("distilled"));

        Publish("student", seed: 4);
        Look();
        Assert.Equal("student@5", IdOf("distilled"));
    }

    [Fact]
    public async Task A_request_keeps_the_version_that_it_began_with_and_the_old_one_is_unloaded_after_it()
    {
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        var registry = await StartAsync();
        Look();
        var old = registry.Acquire("student")!;
        var before = await AnswerAsync(old.Value, seed: 7);

        Publish("student", seed: 3);
        Look();

        Assert.Equal("student@2", IdOf("student"));
        Assert.Null(registry.Acquire("student@1"));
        Assert.Equal("student@1", old.Value.Id);
        Assert.Equal(before, await AnswerAsync(old.Value, seed: 7));
        var engine = old.Value.Engine;
        old.Dispose();
        await Assert.ThrowsAsync<InferenceFailedException>(() => engine.SampleAsync(Request(7), null, Cancellation));
    }

    [Fact]
    public async Task While_old_versions_are_in_use_no_more_are_loaded_than_allowed()
    {
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        _options.ResidentVersions = 2;
        var registry = await StartAsync();
        Look();
        var old = registry.Acquire("student")!;
        Publish("student", seed: 3);
        Look();
        Publish("student", seed: 4);

        Look();
        Look();
        Assert.Equal("student@2", IdOf("student"));
        Assert.Equal("Information 1003: Model student@3 waits: too many older versions are still in use.", _log.Lines[^1]);
        old.Dispose();
        Look();

        Assert.Equal("student@3", IdOf("student"));
    }

    [Fact]
    public async Task A_candidate_is_served_by_its_version_until_a_decision_makes_it_current_and_back()
    {
        _options.Gated = true;
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        var registry = await StartAsync();
        Look();
        Publish("student", seed: 3);
        Publish("anchor", seed: 4);
        Look();
        Assert.Equal("anchor@2", IdOf("best-of-n"));                 // no gate for the anchor
        Assert.Equal("student@1", IdOf("distilled"));
        Assert.Equal("student@2", IdOf("student@2"));
        Assert.Equal("student@2", registry.Candidate("distilled")?.Id);
        Assert.Null(registry.Candidate("best-of-n"));
        Assert.Null(registry.Candidate("nobody"));
        Assert.False(registry.IsPromoted("distilled"));
        Assert.Equal(["anchor@2", "student@1", "student@2"], registry.Served().Select(model => model.Id).Where(id => id.Contains('@', StringComparison.Ordinal)).Order());
        var candidate = registry.Acquire("student@2")!;
        var begun = registry.Acquire("student")!;

        var decisions = new DecisionLog(_store, TimeProvider.System);
        decisions.Append("student", new Decision(DecisionKind.Promote, 2, "gate", "better") { From = 1 });
        _watcher.LookNow("student");

        Assert.Equal("student@2", IdOf("distilled"));
        Assert.True(registry.IsPromoted("distilled"));
        Assert.Null(registry.Candidate("student"));
        Assert.Equal("student@1", IdOf("student@1"));                // kept for a roll-back
        using (var promoted = registry.Acquire("student")!)
        {
            Assert.Same(candidate.Value, promoted.Value);
        }

        Assert.NotEmpty(await AnswerAsync(begun.Value, seed: 1));
        begun.Dispose();
        candidate.Dispose();
        decisions.Append("student", new Decision(DecisionKind.RollBack, 2, "gate", "worse") { From = 2 });
        _watcher.LookNow("student");

        Assert.Equal("student@1", IdOf("distilled"));
        Assert.False(registry.IsPromoted("distilled"));
        Assert.Null(registry.Acquire("student@2"));
        using var back = registry.Acquire("distilled")!;
        Assert.NotEmpty(await AnswerAsync(back.Value, seed: 1));
    }

    [Fact]
    public async Task With_room_for_two_the_version_before_makes_way_for_a_candidate_and_a_candidate_for_a_newer_one()
    {
        _options.Gated = true;
        _options.ResidentVersions = 2;
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        Publish("student", seed: 3);
        var registry = await StartAsync();
        Look();
        new DecisionLog(_store, TimeProvider.System).Append("student", new Decision(DecisionKind.Promote, 2, "gate", "better") { From = 1 });
        Look();
        Assert.Equal("student@1", IdOf("student@1"));

        Publish("student", seed: 4);
        Look();
        Assert.Equal(("student@2", "student@3"), (IdOf("student"), registry.Candidate("student")?.Id));
        Assert.Null(registry.Acquire("student@1"));

        Publish("student", seed: 5);
        Look();
        Assert.Equal(("student@2", "student@4"), (IdOf("student"), registry.Candidate("student")?.Id));
        Assert.Null(registry.Acquire("student@3"));
    }

    [Fact]
    public async Task A_policy_whose_engine_failed_is_loaded_again()
    {
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        var loads = 0;
        var broken = false;
        var registry = await StartAsync(folder =>
        {
            if (folder.Manifest.Name == "anchor" || ++loads > 1)
            {
                return Load(folder);
            }

            using var good = Load(folder);
            var decoder = new BreakingDecoder(PagedDecoder.Load(folder.Path, _session, _engine), () => broken);
            return new LoadedPolicy(folder, good.Config, good.Tokenizer, new PolicyEngine(decoder, _engine, [TinyPolicy.Eos], good.Tokenizer.BytesOf));
        });
        Look();
        Assert.True(registry.Ready);
        broken = true;
        using (var lease = registry.Acquire("student")!)
        {
            await Assert.ThrowsAsync<InferenceFailedException>(() => lease.Value.Engine.SampleAsync(Request(1), null, Cancellation));
        }

        Assert.False(registry.Ready);
        Look();

        Assert.True(registry.Ready);
        using var healed = registry.Acquire("student")!;
        Assert.NotEmpty(await AnswerAsync(healed.Value, seed: 1));
    }

    [Fact]
    public async Task Swaps_under_running_requests_fail_none_and_every_answer_is_of_one_version()
    {
        const int Versions = 4;
        const int Clients = 6;
        Publish("anchor", seed: 1);
        Publish("student", seed: 101);
        var registry = await StartAsync();
        Look();
        var answers = new ConcurrentBag<(string Id, ulong Seed, string Answer)>();
        var swapped = false;
        var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            for (var seed = (ulong)client; !Volatile.Read(ref swapped); seed += Clients)
            {
                using var lease = registry.Acquire("distilled")!;
                answers.Add((lease.Value.Id, seed, await AnswerAsync(lease.Value, seed)));
            }
        }, Cancellation)).ToArray();
        var current = _store.Latest("student")!;
        for (var version = 2; version <= Versions; version++)
        {
            var served = answers.Count;
            await WaitAsync(() => answers.Count >= served + Clients, clients);
            current = Publish("student", seed: 100 + version);
            while (IdOf("student") != current.Id)
            {
                Look();
            }
        }

        await WaitAsync(() => answers.Any(answer => answer.Id == current.Id), clients);
        Volatile.Write(ref swapped, true);
        await Task.WhenAll(clients);

        Assert.Equal(Enumerable.Range(1, Versions).Select(version => $"student@{version}"), answers.Select(answer => answer.Id).Distinct().Order());
        foreach (var group in answers.GroupBy(answer => answer.Id))
        {
            using var alone = Load(_store.Find(group.Key));
            foreach (var (_, seed, answer) in group.Take(8))
            {
                Assert.Equal(await AnswerAsync(alone, seed), answer);
            }
        }

        Assert.DoesNotContain(_log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task In_a_host_the_listener_comes_up_first_and_the_models_follow()
    {
        Publish("anchor", seed: 1);
        Publish("student", seed: 2);
        await using var app = Host();
        await app.StartAsync(Cancellation);
        var registry = app.Services.GetRequiredService<PolicyRegistry>();
        using var client = new HttpClient
        {
            BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()),
        };
        await WaitAsync(() => registry.Ready);

        var models = await client.GetFromJsonAsync<JsonObject>("/v1/models", Cancellation);
        var student = await client.GetFromJsonAsync<JsonObject>("/v1/models/distilled", Cancellation);

        Assert.Equal(7, models!["data"]!.AsArray().Count);
        Assert.Equal("student@1", (string?)student!["root"]);
        Assert.Equal(128, (int?)student["max_model_len"]);
        Publish("student", seed: 3);
        await WaitAsync(() => registry.Served().Any(model => model.Id == "student@2"));
    }

    [Fact]
    public async Task In_a_host_a_missing_policy_stops_the_start()
    {
        await using var app = Host();

        var e = await Assert.ThrowsAsync<ModelException>(() => app.StartAsync(Cancellation));

        Assert.Contains("Models:Root", e.Message, StringComparison.Ordinal);
    }

    private WebApplication Host()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration["Models:Root"] = _folder.Path;
        builder.Configuration["Models:MaxCanaryDivergence"] = "0";
        builder.Configuration["Models:PollInterval"] = "00:00:00.05";
        builder.Configuration["Inference:Slots"] = _engine.Slots.ToString(CultureInfo.InvariantCulture);
        builder.AddModels().AddInference();
        var app = builder.Build();
        app.MapModels();
        return app;
    }

    private async Task<PolicyRegistry> StartAsync(Func<ModelFolder, LoadedPolicy>? load = null)
    {
        _registry = new PolicyRegistry(_store, _watcher, _options, load ?? Load);
        await _registry.StartAsync(Cancellation);
        return _registry;
    }

    private ModelFolder Publish(string name, int seed) => TinyPolicy.Publish(_store, name, seed: seed);

    private void Look() => _watcher.Look(Cancellation);

    private string? IdOf(string model)
    {
        using var lease = _registry!.Acquire(model);
        return lease?.Value.Id;
    }

    private static LoadedPolicy Load(ModelFolder folder) => LoadedPolicy.Load(folder, _session, _engine);

    private static SampleRequest Request(ulong seed) =>
        new([TinyPolicy.Bos, 40, 41, 42], new SamplingParameters { Seed = seed, MaxTokens = 8, IgnoreEos = true }, Candidates: 2);

    private static async Task<string> AnswerAsync(LoadedPolicy policy, ulong seed)
    {
        var candidates = await policy.Engine.SampleAsync(Request(seed), null, Cancellation);
        return string.Join("|", candidates.Select(candidate => string.Join(",", candidate.Tokens)));
    }

    /// <summary>Waits without a limit of its own: a client that fails ends the wait, and the runner's time-out the rest.</summary>
    private static async Task WaitAsync(Func<bool> condition, params Task[] watched)
    {
        while (!condition())
        {
            foreach (var task in watched.Where(task => task.IsCompleted))
            {
                await task;
            }

            await Task.Delay(5, Cancellation);
        }
    }

    private sealed class BreakingDecoder(PagedDecoder inner, Func<bool> broken) : IDecoder
    {
        public int ContextLength => inner.ContextLength;

        public int VocabularySize => inner.VocabularySize;

        public int Rows => inner.Rows;

        public int LargestStep => inner.LargestStep;

        public bool SharesRows => inner.SharesRows;

        public int Open() => inner.Open();

        public int Fork(int row, int length) => inner.Fork(row, length);

        public void Close(int row) => inner.Close(row);

        public ReadOnlySpan<float> Run(scoped ReadOnlySpan<RowTokens> runs, scoped ReadOnlySpan<int> tokens, scoped ReadOnlySpan<int> logitPositions) =>
            broken() ? throw new InvalidOperationException("the device is lost") : inner.Run(runs, tokens, logitPositions);

        public void Dispose() => inner.Dispose();
    }
}
