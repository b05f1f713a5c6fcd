using System.Diagnostics.CodeAnalysis;

[assembly: SuppressMessage(
    "Naming", "CA1716", Justification = "The tests of a room have its name.", Scope = "namespace", Target = "~N:Serving.Trainer.Tests.Loop")]
