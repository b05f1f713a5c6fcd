using System.Text.Json.Nodes;
using Serving.Testing;
using Serving.Trainer.Pretraining;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Serving.Trainer.Tests.Pretraining;

public sealed class RunCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Parameter _weight = new(ones(3));
    private readonly AdamW _optimizer;

    public RunCheckpointTests() => _optimizer = optim.AdamW([_weight], 1e-3);

    private string Current => _folder.File("checkpoint");

    private string Next => _folder.File("checkpoint.next");

    private string Previous => _folder.File("checkpoint.previous");

    /// <summary>Every state of the folder that a kill within the third save can leave behind.</summary>
    [Theory]
    [InlineData("while the next one is written", 2)]
    [InlineData("between the renames", 2)]
    [InlineData("after the renames", 3)]
    [InlineData("while the previous one is deleted", 3)]
    public void A_kill_leaves_the_old_state_or_the_new_one_and_so_does_a_kill_of_the_next_save(string when, int expected)
    {
        Save(2);
        switch (when)
        {
            case "while the next one is written":
                Directory.CreateDirectory(Next);
                File.WriteAllText(Path.Combine(Next, "weights.safetensors"), "half");
                break;
            case "between the renames":
                Directory.Move(Current, Previous);
                Directory.CreateDirectory(Next);
                File.WriteAllText(Path.Combine(Next, "weights.safetensors"), "whole, but not in place");
                break;
            case "after the renames":
                Directory.Move(Current, Previous);
                Save(3, keep: Previous);
                break;
            case "while the previous one is deleted":
                Save(3);
                Directory.CreateDirectory(Previous);
                break;
            default:
                throw new NotSupportedException(when);
        }

        Assert.True(new RunCheckpoint(_folder.Path).Exists);
        Assert.Equal(expected, Restore());
        Assert.ThrowsAny<IOException>(() => new RunCheckpoint(_folder.Path).Save(9, _ => throw new IOException("killed again"), _optimizer.save_state_dict));
        Assert.Equal(expected, Restore());
        Save(10);
        Assert.Equal(10, Restore());
        Assert.False(Directory.Exists(Previous));
        Assert.False(Directory.Exists(Next));
    }

    [Fact]
    public void A_run_is_not_resumed_with_other_options_than_it_began_with()
    {
        new RunCheckpoint(_folder.Path, new JsonObject { ["Steps"] = 100, ["Seed"] = 1, ["Data"] = "sha256:a" })
            .Save(5, path => File.WriteAllText(path, "weights"), _optimizer.save_state_dict);
        var same = new RunCheckpoint(_folder.Path, new JsonObject { ["Data"] = "sha256:a", ["Seed"] = 1, ["Steps"] = 100 });
        var other = new RunCheckpoint(_folder.Path, new JsonObject { ["Steps"] = 200, ["Seed"] = 1, ["Data"] = "sha256:a" });

        Assert.Equal(5, same.Restore(_ => { }, _optimizer.load_state_dict).Step);
        var error = Assert.Throws<InvalidOperationException>(() => other.Restore(_ => { }, _optimizer.load_state_dict));

        Assert.Contains("Steps was 100 and is 200 now", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Seed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_resumed_log_holds_every_step_once()
    {
        using (var log = new RunLog(_folder.Path, 10, TimeProvider.System))
        {
            for (var step = 0; step < 8; step += 2)
            {
                log.Write(step, ("loss", step));
            }

            log.Write(4, ("evaluation", 1));
        }

        File.AppendAllText(_folder.File("log.jsonl"), "{\"step\":9,\"lo");
        using (var log = new RunLog(_folder.Path, 10, TimeProvider.System, from: 4))
        {
            log.Write(4, ("loss", 40));
        }

        var lines = File.ReadLines(_folder.File("log.jsonl")).Select(line => JsonNode.Parse(line)!).Select(line => ((int)line["step"]!, (double?)line["loss"]));
        Assert.Equal([(0, 0), (2, 2), (4, null), (4, 40)], lines);
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _weight.Dispose();
        _folder.Dispose();
    }

    private void Save(int step, string? keep = null)
    {
        var copy = keep is null ? null : _folder.File("kept");
        if (keep is not null)
        {
            Directory.Move(keep, copy!);
        }

        new RunCheckpoint(_folder.Path).Save(step, path => File.WriteAllText(path, $"weights of {step}"), _optimizer.save_state_dict);
        if (keep is not null)
        {
            Directory.Move(copy!, keep);
        }
    }

    private int Restore()
    {
        var weights = string.Empty;
        var step = new RunCheckpoint(_folder.Path).Restore(path => weights = File.ReadAllText(path), _optimizer.load_state_dict).Step;
        Assert.Equal($"weights of {step}", weights);
        return step;
    }
}
