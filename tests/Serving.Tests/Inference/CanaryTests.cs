using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class CanaryTests : IDisposable
{
    private const double Bound = 20;

    private static readonly int[] _allTokens = [.. Enumerable.Range(0, TinyPolicy.Config.VocabularySize)];
    private static readonly OnnxOptions _session = new() { Threads = 1 };

    private readonly TemporaryFolder _folder = new();
    private readonly ModelStore _store;

    public CanaryTests() => _store = new ModelStore(_folder.Path, TimeProvider.System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_same_weights_do_not_differ_and_weights_after_a_small_step_hardly_do()
    {
        using var inUse = Load(Publish());
        using var same = Load(Publish());
        using var near = Load(Publish(factor: 1.01f));

        Assert.InRange(new Canary(Bound).Try(same, inUse, Cancellation)!.Value, -1e-3, 1e-3);
        Assert.InRange(new Canary(Bound).Try(near, inUse, Cancellation)!.Value, -5, 5);
    }

    [Fact]
    public void Reversed_weights_are_refused_unless_nothing_is_compared()
    {
        using var inUse = Load(Publish());
        using var reversed = Load(Publish(factor: -3));

        var e = Assert.Throws<ModelException>(() => new Canary(Bound).Try(reversed, inUse, Cancellation));

        Assert.Contains("student@2 answers unlike student@1, which is in use", e.Message, StringComparison.Ordinal);
        Assert.Contains("Models:MaxCanaryDivergence = 20", e.Message, StringComparison.Ordinal);
        Assert.Null(new Canary(0).Try(reversed, inUse, Cancellation));
        Assert.Null(new Canary(Bound).Try(reversed, null, Cancellation));
    }

    [Fact]
    public void A_policy_that_has_forgotten_how_to_end_is_refused()
    {
        using var inUse = Load(Publish(ends: _allTokens[160..]));
        using var endless = Load(Publish(ends: [0]));

        var e = Assert.Throws<ModelException>(() => new Canary(1e6).Try(endless, inUse, Cancellation));

        Assert.Matches("student@2 ends none of ([0-9]) canary answers by itself, while student@1, which is in use, ends \\1", e.Message);
    }

    [Fact]
    public void A_policy_that_says_nothing_is_refused_even_alone()
    {
        using var silent = Load(Publish(ends: _allTokens));

        var e = Assert.Throws<ModelException>(() => new Canary(Bound).Try(silent, null, Cancellation));

        Assert.Matches("student@1 answers nothing at all to [0-9] canary prompts", e.Message);
    }

    /// <param name="factor">What the embedding, and with it every logit, is multiplied by.</param>
    /// <param name="ends">Tokens that end an answer.</param>
    private ModelFolder Publish(float factor = 1, int[]? ends = null) => _store.Publish("student", ModelKind.Policy, folder =>
    {
        var config = TinyPolicy.Config with { EosTokenIds = ends ?? TinyPolicy.Config.EosTokenIds };
        TinyPolicy.Write(folder, config);
        var weights = TinyPolicy.Weights(config, 1);
        float[] embedding = [.. weights[0].Values.ToArray().Select(value => value * factor)];
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), [weights[0] with { Values = embedding }, .. weights.Skip(1)]);
    });

    private static LoadedPolicy Load(ModelFolder folder) => LoadedPolicy.Load(folder, _session, new InferenceOptions { Slots = 8 });
}
