using System.CommandLine;
using Serving.Trainer.Datasets;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Lab;
using Serving.Trainer.Loop;
using Serving.Trainer.Pretraining;
using Serving.Trainer.ScorerTraining;
using Serving.Trainer.Terminal;
using Serving.Training;

var root = new RootCommand("Trains policies and scorers for Serving, and distils served answers into cheaper policies.")
{
    DataCommand.Create(),
    TokenizerCommand.Create(),
    PretrainCommand.Create(),
    TrainScorerCommand.Create(),
    SampleCommand.Create(),
    EvaluateCommand.Create(),
    TeacherCommand.Create(),
    RunCommand.Create(),
    LabCommand.Create(),
};

var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
if (args.Contains(TrainerProgram.EndWithInput))
{
    invocation.ProcessTerminationTimeout = null;        // whoever started this process says when it ends
}

try
{
    return await root.Parse(args).InvokeAsync(invocation);
}
catch (Exception e) when (UserError.Is(e))
{
    await Console.Error.WriteLineAsync($"error: {e.Message}");
    return 1;
}
