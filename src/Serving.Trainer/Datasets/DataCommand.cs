using System.CommandLine;

namespace Serving.Trainer.Datasets;

/// <summary>Verb "data": data sets that are rebuilt on the user's machine because their texts may not lie in the project.</summary>
internal static class DataCommand
{
    public static Command Create() => new("data", "Build a data set on this machine.") { DebianSynopsisCommand.Create() };
}
