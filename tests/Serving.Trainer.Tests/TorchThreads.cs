using System.Runtime;
using System.Runtime.CompilerServices;
using TorchSharp;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Serving.Trainer.Tests;

/// <summary>
/// One test at a time and no background collections. TorchSharp frees the native value of an implicit Scalar (as in "x * 2") in its finalizer and
/// nothing keeps the Scalar alive during the native call, so a collection that runs beside the call can free the value before the operator
/// reads it: seen here as "Unknown scalar type" and as silently wrong numbers.
/// </summary>
internal static class TorchThreads
{
    [ModuleInitializer]
    public static void UseOne()
    {
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        torch.set_num_threads(1);        // tiny tensors gain nothing from a second one
    }
}
