using Microsoft.Extensions.Options;
using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Inference;

/// <summary>Every way in which a published folder can be bad: the version in use serves on, and there is exactly one report.</summary>
public sealed class BadVersionsTests : IDisposable
{
    private static readonly InferenceOptions _engine = new() { Slots = 4, ContextLength = 64 };

    private readonly TemporaryFolder _folder = new();
    private readonly LogLines<ModelWatcher> _log = new();
    private readonly ModelStore _store;
    private readonly ModelWatcher _watcher;
    private readonly PolicyRegistry _registry;

    public BadVersionsTests()
    {
        var options = new ModelOptions();
        _store = new ModelStore(_folder.File("models"), TimeProvider.System);
        _watcher = new ModelWatcher(_store, new DecisionLog(_store, TimeProvider.System), Options.Create(options), TimeProvider.System, _log);
        _registry = new PolicyRegistry(_store, _watcher, options, folder => LoadedPolicy.Load(folder, new OnnxOptions { Threads = 1 }, _engine));
        TinyPolicy.Publish(_store, "anchor");
        TinyPolicy.Publish(_store, "student", seed: 2);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _watcher.Dispose();
        _registry.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("corrupted", "its sha256 is")]
    [InlineData("truncated", "its sha256 is")]
    [InlineData("missing file", "manifest.json lists this file, but it is missing")]
    [InlineData("truncated manifest", "not valid JSON")]
    [InlineData("half-written", null)]
    [InlineData("wrong tokenizer", "student@2 has another tokenizer.json than student@1")]
    [InlineData("NaN weights", "the policy does not run")]
    [InlineData("other shape", "model.embed_tokens.weight")]
    [InlineData("random weights", "student@2 answers unlike student@1, which is in use")]
    [InlineData("path out of the folder", "is not the name of a file of the folder itself")]
    [InlineData("link out of the folder", "a link to")]
    [InlineData("graph points out of the folder", "model.onnx")]
    public async Task The_old_version_serves_on_and_there_is_one_report(string damage, string? reason)
    {
        await _registry.StartAsync(Cancellation);
        _watcher.Look(Cancellation);
        var before = await AnswerAsync();
        var reports = _log.Lines.Count;
        Damage(damage);

        for (var look = 0; look < 3; look++)
        {
            _watcher.Look(Cancellation);
        }

        Assert.Equal(before, await AnswerAsync());
        Assert.True(_registry.Ready);
        Assert.Equal(["anchor@1", "student@1"], _registry.Loaded().Select(policy => policy.Id).Order());
        if (reason is null)
        {
            Assert.Equal(reports, _log.Lines.Count);                     // a publication under way is nobody's fault
        }
        else
        {
            var line = Assert.Single(_log.Lines.Skip(reports));
            Assert.StartsWith("Error 1002: Refused the model version in", line, StringComparison.Ordinal);
            Assert.Contains(reason, line, StringComparison.Ordinal);
        }
    }

    private void Damage(string damage)
    {
        switch (damage)
        {
            case "corrupted":
                using (var file = new FileStream(Good().File(ModelFiles.Weights), FileMode.Open))
                {
                    file.Position = file.Length / 2;
                    file.WriteByte(0x55);
                    file.WriteByte(0xAA);
                }

                break;
            case "truncated":
                using (var file = new FileStream(Good().File(ModelFiles.Weights), FileMode.Open))
                {
                    file.SetLength(file.Length / 2);
                }

                break;
            case "missing file":
                File.Delete(Good().File(ModelFiles.Config));
                break;
            case "truncated manifest":
                var manifest = Good().File(ModelFiles.Manifest);
                File.WriteAllText(manifest, File.ReadAllText(manifest)[..100]);
                break;
            case "half-written":
                TinyPolicy.Write(Path.Combine(_store.Root, "student", "2"));
                break;
            case "wrong tokenizer":
                Publish(folder => File.AppendAllText(Path.Combine(folder, ModelFiles.Tokenizer), "\n"));
                break;
            case "NaN weights":
                Publish(folder => Rewrite(folder, tensor => tensor with { Values = Enumerable.Repeat(float.NaN, tensor.Values.Length).ToArray() }));
                break;
            case "other shape":
                Publish(folder => Rewrite(folder, tensor => tensor with { Shape = [.. tensor.Shape.Reverse()] }));
                break;
            case "random weights":
                Publish(folder => SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), TinyPolicy.Weights(TinyPolicy.Config, seed: 9)));
                break;
            case "path out of the folder":
                var escaping = Good().File(ModelFiles.Manifest);
                File.WriteAllText(escaping, File.ReadAllText(escaping).Replace("\"config.json\"", "\"../1/config.json\"", StringComparison.Ordinal));
                break;
            case "link out of the folder":
                var linked = Good().File(ModelFiles.Weights);
                File.Move(linked, _folder.File("elsewhere"));
                File.CreateSymbolicLink(linked, _folder.File("elsewhere"));
                break;
            case "graph points out of the folder":
                Publish(folder =>
                {
                    // The right digest of a wrong graph: its weights would come from the neighbour.
                    var graph = File.ReadAllBytes(Path.Combine(folder, ModelFiles.Graph));
                    File.Delete(Path.Combine(folder, ModelFiles.Weights));
                    File.WriteAllBytes(Path.Combine(folder, ModelFiles.Graph), Replace(graph, "model.safetensors"u8, "../1/el.safetensor"u8[..17]));
                });
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(damage));
        }
    }

    private ModelFolder Good() => TinyPolicy.Publish(_store, "student", seed: 2);

    private void Publish(Action<string> damage) => _store.Publish("student", ModelKind.Policy, folder =>
    {
        TinyPolicy.Write(folder, seed: 2);
        damage(folder);
    });

    private static void Rewrite(string folder, Func<NamedTensor, NamedTensor> change)
    {
        NamedTensor[] tensors = [.. TinyPolicy.Weights(TinyPolicy.Config, 2)];
        tensors[0] = change(tensors[0]);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.Weights), tensors);
    }

    private static byte[] Replace(byte[] bytes, ReadOnlySpan<byte> what, ReadOnlySpan<byte> with)
    {
        byte[] replaced = [.. bytes];
        for (var at = replaced.AsSpan().IndexOf(what); at >= 0; at = replaced.AsSpan().IndexOf(what))
        {
            with.CopyTo(replaced.AsSpan(at));
        }

        return replaced;
    }

    private async Task<string> AnswerAsync()
    {
        using var lease = _registry.Acquire("distilled")!;
        var sampling = new SamplingParameters { Seed = 5, MaxTokens = 8, IgnoreEos = true };
        var candidates = await lease.Value.Engine.SampleAsync(new SampleRequest([TinyPolicy.Bos, 40, 41, 42], sampling, Candidates: 2), null, Cancellation);
        return lease.Value.Id + string.Join("|", candidates.Select(candidate => string.Join(",", candidate.Tokens)));
    }
}
