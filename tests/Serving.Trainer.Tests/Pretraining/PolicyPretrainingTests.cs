using System.Text.Json;
using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using TorchSharp;

namespace Serving.Trainer.Tests.Pretraining;

public sealed class PolicyPretrainingTests : IDisposable
{
    private readonly TinyTask _task = new();

    public PolicyPretrainingTests() => torch.set_num_threads(1);

    [Theory]
    [InlineData(PolicyOptimization.Muon)]
    [InlineData(PolicyOptimization.AdamW)]
    public void Training_lowers_the_validation_loss(PolicyOptimization optimizer)
    {
        var (untrained, before) = new PolicyPretraining(Options("before", steps: 1) with { Optimizer = optimizer }, TimeProvider.System).Run();
        var (trained, after) = new PolicyPretraining(Options("after", steps: 60) with { Optimizer = optimizer }, TimeProvider.System).Run();
        using (untrained)
        using (trained)
        {
            Assert.True(after < before - 1, $"{before} before, {after} after 60 steps");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public void A_run_stopped_at_a_checkpoint_and_resumed_gives_the_same_bits_and_the_same_losses(double dropout)
    {
        using var whole = new PolicyPretraining(Options("whole", steps: 40) with { Dropout = dropout }, TimeProvider.System).Run().Policy;
        // A run of the same schedule that dies after its checkpoint at step 20: the folder is what a kill leaves behind.
        var options = Options("stopped", steps: 40) with { Dropout = dropout };
        using (var _ = new PolicyPretraining(options, TimeProvider.System).Run(until: 20).Policy)
        {
        }

        using var resumed = new PolicyPretraining(options with { Resume = true }, TimeProvider.System).Run().Policy;

        Assert.All(whole.named_parameters(), pair => Assert.Equal(pair.parameter.ToFloats(), resumed.get_parameter(pair.name)!.ToFloats()));
        Assert.Equal(Losses("whole"), Losses("stopped"));
    }

    [Fact]
    public void Micro_batches_give_the_loss_of_the_whole_batch_and_go_on_alike()
    {
        new PolicyPretraining(Options("whole", steps: 3), TimeProvider.System).Run().Policy.Dispose();
        new PolicyPretraining(Options("parts", steps: 3) with { MicroBatches = 3 }, TimeProvider.System).Run().Policy.Dispose();

        Assert.All(Losses("whole").Zip(Losses("parts")), pair => Assert.Equal(pair.First.Item2, pair.Second.Item2, 1e-4));
        var batch = new PretrainBatch(5, 3, [.. Enumerable.Range(0, 15).Select(i => (long)i)], [.. Enumerable.Range(0, 10).Select(i => (float)i)]);
        var parts = batch.Parts(2).ToArray();
        Assert.Equal(batch.Ids, parts.SelectMany(part => part.Ids));
        Assert.Equal(batch.TargetWeights, parts.SelectMany(part => part.TargetWeights));
        Assert.Equal([2, 3], parts.Select(part => part.Rows));
    }

    [Fact]
    public void Descriptions_that_no_pair_has_are_language_modelling_beside_the_pairs()
    {
        var descriptions = _task.Run("descriptions.jsonl");
        File.WriteAllLines(descriptions, [File.ReadAllLines(_task.Data)[0], """{"id":"x","section":"s","document":"A converter for comets that no pair has."}"""]);
        var (plain, more) = (Options("plain", steps: 1), Options("more", steps: 1) with { Descriptions = descriptions });
        var (without, _) = new PolicyPretraining(plain, TimeProvider.System).Run();
        var (with, _) = new PolicyPretraining(more, TimeProvider.System).Run();
        without.Dispose();
        with.Dispose();
        var rows = PolicyPretraining.Rows(more, new TaskTokens(_task.Tokenizer));

        Assert.Equal(_task.Examples.Count + 1, rows.Count);
        Assert.Empty(rows[^1].Response);
        Assert.NotEqual(Losses("plain"), Losses("more"));
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused_with_what_to_do()
    {
        var options = Options("cuda", steps: 1) with { Device = TrainingDevice.Cuda };
        if (torch.cuda.is_available())
        {
            return;                                                                 // a GPU machine with the cuda build: perf/ runs it there
        }

        Assert.Contains("--device cpu", Assert.Throws<InvalidOperationException>(() => new PolicyPretraining(options, TimeProvider.System).Run()).Message);
    }

    [Fact]
    public void A_run_may_begin_from_some_layers_of_a_trained_policy()
    {
        var folder = Directory.CreateDirectory(_task.Run("whole-policy")).FullName;
        using (var trained = new PolicyPretraining(Options("start", steps: 60) with { Layers = 3 }, TimeProvider.System).Run().Policy)
        {
            PolicyWeights.Write(trained, folder);
            using var pruned = PrunedPolicy.Of(folder, [0, 2]);

            Assert.Equal(2, pruned.Config.Layers);
            Assert.Equal(trained.get_parameter("layer_2.down")!.ToFloats(), pruned.get_parameter("layer_1.down")!.ToFloats());
        }

        var (goesOn, after) = new PolicyPretraining(Options("goes-on", steps: 5) with { From = folder, KeepLayers = [0, 2] }, TimeProvider.System).Run();
        var (random, fresh) = new PolicyPretraining(Options("fresh", steps: 5) with { Layers = 2 }, TimeProvider.System).Run();
        using (goesOn)
        using (random)
        {
            Assert.True(after < fresh - 0.3, $"{after} from a trained policy, {fresh} from random weights");
        }

        Assert.Contains("layers 0 to 2", Assert.Throws<Models.ModelException>(() => PrunedPolicy.Of(folder, [3])).Message);
    }

    public void Dispose() => _task.Dispose();

    private PretrainOptions Options(string run, int steps) => new()
    {
        Data = _task.Data,
        Validation = _task.Data,
        Tokenizer = _task.Folder,
        Run = _task.Run(run),
        HiddenSize = 32,
        Layers = 1,
        Heads = 2,
        KeyValueHeads = 1,
        IntermediateSize = 48,
        Steps = steps,
        TokensPerBatch = 512,
        PeakLearningRate = 1e-2,
        Seed = 3,
    };

    private List<(int, double)> Losses(string run) =>
    [
        .. File.ReadLines(Path.Combine(_task.Run(run), "log.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.TryGetProperty("loss", out _))
            .Select(line => (line.GetProperty("step").GetInt32(), line.GetProperty("loss").GetDouble())),
    ];
}
