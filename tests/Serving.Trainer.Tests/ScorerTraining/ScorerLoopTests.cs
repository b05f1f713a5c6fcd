using Serving.Trainer.Policy;
using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;
using TorchSharp;

namespace Serving.Trainer.Tests.ScorerTraining;

public sealed class ScorerLoopTests : IDisposable
{
    private readonly TinyTask _task = new();

    public ScorerLoopTests() => torch.set_num_threads(1);

    [Theory]
    [InlineData(ScorerTask.Entailment, "auc_Random")]
    [InlineData(ScorerTask.Reward, "accuracy_Truncated")]
    public void A_scorer_learns_to_tell_own_synopses_from_worse_ones(ScorerTask task, string figure)
    {
        var (scorer, figures) = new ScorerLoop(Options(task), TimeProvider.System).Run();
        using (scorer)
        {
            Assert.True(figures.Single(pair => pair.Name == figure).Value > 0.85, string.Join(", ", figures));
        }
    }

    [Fact]
    public void A_likelihood_scorer_learns_it_from_a_trained_policy()
    {
        var policy = Policy();
        var options = Options(ScorerTask.Entailment) with { From = policy, Steps = 60, PeakLearningRate = 3e-3 };
        var (whole, figures) = new ScorerLoop(options, TimeProvider.System).Run();
        using (whole)
        {
            Assert.All(["auc_Random", "auc_Swapped"], name => Assert.True(figures.Single(pair => pair.Name == name).Value > 0.85, string.Join(", ", figures)));
            var folder = Directory.CreateDirectory(_task.Run("scorer")).FullName;
            whole.Write(folder);
            Assert.Equal(["entailment", "retrieved", "swapped", "random", "recombined"], Models.ScorerConfig.Read(folder).Labels);

            var (further, again) = new ScorerLoop(options with { From = folder, Steps = 0, Run = _task.Run("further") }, TimeProvider.System).Run();
            further.Dispose();
            Assert.All(figures.Zip(again), pair => Assert.Equal(pair.First.Value, pair.Second.Value, 0.05));     // calibrated once more
            Assert.Contains(figures, figure => figure.Name == "calibration_error");
            var otherTask = options with { Task = ScorerTask.Reward, From = folder, Run = _task.Run("other") };
            Assert.Contains("begin from a policy", Assert.Throws<InvalidDataException>(() => new ScorerLoop(otherTask, TimeProvider.System).Run()).Message);
        }
    }

    [Fact]
    public void An_encoder_learns_to_guess_hidden_words_beside_its_task()
    {
        var (scorer, figures) = new ScorerLoop(Options(ScorerTask.Entailment) with { MaskedShare = 0.3 }, TimeProvider.System).Run();
        using (scorer)
        {
            Assert.True(figures.Single(pair => pair.Name == "auc_Random").Value > 0.8, string.Join(", ", figures));
        }
    }

    public void Dispose() => _task.Dispose();

    private string Policy()
    {
        var options = new PretrainOptions
        {
            Data = _task.Data,
            Validation = _task.Data,
            Tokenizer = _task.Folder,
            Run = _task.Run("policy"),
            HiddenSize = 32,
            Layers = 2,
            Heads = 2,
            KeyValueHeads = 2,
            IntermediateSize = 48,
            Steps = 80,
            TokensPerBatch = 512,
            PeakLearningRate = 1e-2,
        };
        using var policy = new PolicyPretraining(options, TimeProvider.System).Run().Policy;
        var folder = Directory.CreateDirectory(_task.Run("start")).FullName;
        PolicyWeights.Write(policy, folder);
        return folder;
    }

    private ScorerTrainingOptions Options(ScorerTask task) => new()
    {
        Task = task,
        Data = _task.Data,
        Validation = _task.Data,
        Tokenizer = _task.Folder,
        Run = _task.Run(task.ToString()),
        HiddenSize = 32,
        Layers = 1,
        Heads = 2,
        IntermediateSize = 64,
        Dropout = 0,
        Steps = 120,
        PeakLearningRate = 5e-3,
        TokensPerBatch = 1024,
    };
}
