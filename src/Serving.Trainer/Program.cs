using System.CommandLine;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Loop;
using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;

NativeHeap.KeepFreed();
return new RootCommand("Trains policies and scorers for Serving, and distils served answers into cheaper policies.")
{
    TokenizerCommand.Create(),
    PretrainCommand.Create(),
    TrainScorerCommand.Create(),
    SampleCommand.Create(),
    RunCommand.Create(),
}.Parse(args).Invoke();
