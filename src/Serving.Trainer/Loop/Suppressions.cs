using System.Diagnostics.CodeAnalysis;

[assembly: SuppressMessage(
    "Naming", "CA1716", Justification = "The room of the training loop; Visual Basic is not served.", Scope = "namespace", Target = "~N:Serving.Trainer.Loop")]
