using System.CommandLine;
using Serving.Trainer.Pretraining;

return new RootCommand("Trains policies and scorers for Serving, and distils served answers into cheaper policies.")
{
    TokenizerCommand.Create(),
    PretrainCommand.Create(),
}.Parse(args).Invoke();
