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

    public void Dispose() => _task.Dispose();

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
