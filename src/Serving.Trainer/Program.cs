using System.CommandLine;
using Serving.Trainer.Datasets;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Loop;
using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;

return new RootCommand("Trains policies and scorers for Serving, and distils served answers into cheaper policies.")
{
    DataCommand.Create(),
    TokenizerCommand.Create(),
    PretrainCommand.Create(),
    TrainScorerCommand.Create(),
    SampleCommand.Create(),
    RunCommand.Create(),
}.Parse(args).Invoke();
